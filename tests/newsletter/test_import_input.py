"""Files as they come: any encoding, ragged, broken, locked, huge. A clear word for each, and nothing lost."""

import csv
import io
import random
import struct
import tracemalloc

import pytest
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st

from newsletter.models import Subscriber
from newsletter.services import cells
from newsletter.services.cells import defused, plain
from newsletter.services.importing import FileRefused, parts, reading
from tests.newsletter.lists import bring_in, people, report_of, table, upload, work, zipped

NEUTRAL = "email,name,status"
ZOE = "zoe@example.com,Zoë Müller,confirmed"


def names():
    return dict(Subscriber.objects.values_list("email", "name"))


def refused(content, **fields):
    """The words with which the whole file is refused."""
    made = work(upload(content, **fields))
    assert (made.state, Subscriber.objects.count(), made.rows_done) == ("failed", 0, 0)
    return made.error


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("encoding", "end"),
    [
        # Each as another may end its lines: whatever is written below crosses them.
        ("utf-8", "\n"),
        ("utf-8-sig", "\r\n"),
        ("utf-16", "\r"),
        ("utf-16-le", "\r\n"),
        ("utf-16-be", "\n"),
        ("utf-32", "\r\n"),
        ("cp1252", "\r"),
    ],
)
def test_encodings_and_line_ends(encoding, end):
    text = end.join([NEUTRAL, ZOE, '"ann@example.com","Ann\'s\nhouse",confirmed', ""])
    made = bring_in(text.encode(encoding))
    assert names() == {"zoe@example.com": "Zoë Müller", "ann@example.com": "Ann's house"}
    word = "The row is not UTF-8 and was read as Windows-1252: look at its accents." if encoding == "cp1252" else ""
    assert report_of(made) == [
        (2, "zoe@example.com", "brought in", word),
        (3, "ann@example.com", "brought in", ""),
    ]


@pytest.mark.django_db
def test_one_line_in_another_encoding_spoils_no_other():
    content = (
        table(ZOE) + "ute@example.com,Jürgen,confirmed\r\n".encode("cp1252") + b"cy@example.com,\x81,confirmed\r\n"
    )
    made = bring_in(content)
    assert names() == {"zoe@example.com": "Zoë Müller", "ute@example.com": "Jürgen"}
    assert [row[3] for row in report_of(made)] == [
        "",
        "The row is not UTF-8 and was read as Windows-1252: look at its accents.",
        "The row is neither UTF-8 nor Windows-1252. Save the file as UTF-8.",
    ]


@pytest.mark.django_db
@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
def test_separators(separator):
    made = bring_in(
        table(
            '"ann@example.com"#"Ann, Lee; of|x\ty"#confirmed'.replace("#", separator),
            header=NEUTRAL.replace(",", separator),
        )
    )
    assert names() == {"ann@example.com": "Ann, Lee; of|x y"}
    assert made.counts["brought_in"] == 1


@pytest.mark.django_db
def test_ragged_rows_are_refused_and_take_no_other_with_them():
    made = bring_in(
        table(
            "a@example.com,A,confirmed",
            "b@example.com,Lee, Bea,confirmed",
            "c@example.com,C",
            "d@example.com,D,confirmed,,,",
            "",
            ",,",
            'e@example.com,"E,confirmed',
            "f@example.com,F,confirmed",
            'g@example.com,"G" x,confirmed',
            'h@example.com,"H ""the"" I",confirmed',
            'i@example.com,"I',
            'of two lines",confirmed',
            "j@example.com,J\0,confirmed",
            "k@example.com,K,confirmed",
        )
    )
    quotes = "A quotation mark in this row is opened and not closed, or stands in the middle of a cell."
    assert report_of(made) == [
        (2, "a@example.com", "brought in", ""),
        (3, "b@example.com", "refused", "The row has 4 cells where the header has 3."),
        (4, "c@example.com", "refused", "The row has 2 cells where the header has 3."),
        (5, "d@example.com", "brought in", ""),
        (8, "", "refused", quotes),
        (9, "f@example.com", "brought in", ""),
        (10, "", "refused", quotes),
        (11, "h@example.com", "brought in", ""),
        (12, "i@example.com", "brought in", ""),
        (13, "", "refused", "The row holds NUL bytes, which are no text."),
        (14, "k@example.com", "brought in", ""),
    ]
    assert names()["h@example.com"] == 'H "the" I'
    assert names()["i@example.com"] == "I of two lines"


@pytest.mark.django_db
def test_a_row_with_too_few_cells_says_whose_it_is_where_that_can_be_read():
    made = bring_in(
        table(
            "Ada,ada@example.com",
            'no address,"of two',
            'lines"',
            '"swallows","bea@example.com',
            'cy@example.com"',
        )
        + b"d\xfc@example.com,x\r\n\xfc,e@example.com\r\n"
    )
    assert [row[:2] for row in report_of(made) if "cells" in row[3]] == [
        (2, "ada@example.com"),
        (3, ""),
        (4, ""),
        (5, ""),
        (6, 'cy@example.com"'),
        (7, ""),
        (8, "e@example.com"),
    ]


@pytest.mark.django_db
def test_a_quotation_mark_that_is_never_closed_swallows_nobody():
    rows = [f"p{number}@example.com,P,confirmed" for number in range(600)]
    rows[200] = 'p200@example.com,"P,confirmed'
    made = bring_in(table(*rows))
    assert made.counts == {"brought_in": 599, "refused": 1, "remarks": 0}


@pytest.mark.django_db
def test_ten_megabytes_in_one_cell_are_one_refused_row():
    content = table(
        "a@example.com,A,confirmed", f"b@example.com,{'x' * 10_000_000},confirmed", "c@example.com,C,confirmed"
    )
    made = bring_in(content)
    assert [person[0] for person in people()] == ["a@example.com", "c@example.com"]
    assert report_of(made)[1] == (3, "", "refused", "The row is longer than 100000 characters.")
    assert made.bytes_done == len(content)


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "The file is empty."),
        (b"\xef\xbb\xbf\r\n\r\n", "The file is empty."),
        (b"ada@example.com,Ada,confirmed\r\n", "Its first row has to name the columns"),
        (b"name,mail address of the person\r\nAda,ada@example.com\r\n", "It has: name, mail address of the person."),
        (b"email,email,status\r\na@example.com,b@example.com,confirmed\r\n", "more than one column for: email."),
        (b"email,name\r\na@example.com,A\r\n", "Say whose addresses these are: nothing in the file tells."),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1\0\0\0\0\n\0\0\0", "This is no CSV file."),
        (b"x" * 200_000, "The first row is longer than any header: this is no CSV file."),
        (b"\n" * 70_000 + table(ZOE), "The file begins with 64 KB of empty rows. Put the names of the columns first."),
        (b"PK\x03\x04\x14\0\0\0\x08\0", "This is no CSV file."),
        (random.Random(7).randbytes(50_000), "list.csv"),
    ],
)
def test_what_is_no_list_is_refused_in_words(content, words):
    assert words in refused(content)


@pytest.mark.parametrize("begins", [b"\n", b",", b"x"])
def test_of_a_file_without_a_header_no_more_than_the_beginning_is_read(begins):
    """In the upload's own request, in which somebody waits."""
    file = io.BytesIO(begins * 5_000_000)
    with pytest.raises(FileRefused):
        reading.read_header(file)
    assert file.tell() == reading.HEAD


@pytest.mark.django_db
@pytest.mark.parametrize("encoding", ["utf-8", "utf-32"])
def test_empty_rows_before_the_header_are_passed_over(encoding):
    columns = ",".join(f"column {number}" for number in range(5_000))
    made = bring_in(
        ("\n" * 15_000 + f"{columns},email,status\n{',' * 5_000}zoe@example.com,confirmed").encode(encoding)
    )
    assert [row[:3] for row in report_of(made)] == [(15_002, "zoe@example.com", "brought in")]


@pytest.mark.django_db
def test_a_header_alone_is_a_list_of_nobody():
    made = bring_in(table())
    assert (made.state, made.rows_done, report_of(made)) == ("done", 0, [])


@pytest.mark.django_db
def test_zips_that_are_no_lists():
    assert refused(zipped(**{"[Content_Types].xml": "<x/>"}).replace(b"xml.csv", b"xml"), name="a.xlsx")
    assert refused(zipped(), name="a.zip") == "There is no CSV file in this zip."
    whole = zipped(subscribers=table(*(f"p{n}@example.com,P,confirmed" for n in range(2000))))
    broken = bytearray(whole)
    broken[200:230] = b"\xff" * 30
    assert "damaged" in refused(bytes(broken), name="a.zip")
    locked = bytearray(whole)
    for mark, place in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        locked[locked.index(mark) + place] |= 1
    assert "locked with a password" in refused(bytes(locked), name="a.zip")


@pytest.mark.django_db
def test_a_spreadsheet_is_told_from_a_zip():
    import zipfile

    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("[Content_Types].xml", "<x/>")
        archive.writestr("xl/worksheets/sheet1.xml", "<x/>")
    assert "This is a spreadsheet" in refused(buffer.getvalue(), name="list.xlsx")


@pytest.mark.django_db
@pytest.mark.parametrize("limit", ["MOST_BYTES", "MOST_BYTES_OF_ONE"])
def test_a_zip_bomb_is_refused_before_it_is_unpacked(monkeypatch, limit):
    monkeypatch.setattr(parts, limit, 1_000_000)
    bomb = zipped(subscribers=b"email\r\n" + b"x" * 2_000_000)
    assert len(bomb) < 10_000
    assert "larger than 2 GB" in refused(bomb, name="a.zip")


@pytest.mark.django_db
def test_what_unpacks_to_hundreds_of_times_as_much_is_refused_unless_it_is_small(monkeypatch):
    rows = [f"p{number}@example.com,P,confirmed" for number in range(2000)]
    empty = zipped(subscribers=table(*rows[:20], *[",,"] * 40_000))
    assert work(upload(empty, name="a.zip")).counts["brought_in"] == 20
    monkeypatch.setattr(parts, "MOST_BYTES_PACKED_SO", 60_000)
    assert "hundreds of times as large" in refused(empty, name="a.zip")
    proof = "".join(random.Random(7).choices("abcdefghij ", k=2000))
    real = zipped(subscribers=table(*(f"{row},{proof}" for row in rows), header=f"{NEUTRAL},consent_words"))
    assert len(real) < 80_000
    assert work(upload(real, name="a.zip")).counts["brought_in"] == 2000


def directory_of(members, *, is_zip64=False):
    """A zip that is nothing but its directory, of members with names of one letter and no content."""
    directory = struct.pack("<4s6H3L5H2L", b"PK\1\2", 20, 20, *[0] * 7, 1, *[0] * 6) + b"x"
    size = len(directory) * members
    ends = struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, *[min(members, 0xFFFF)] * 2, 0xFFFFFFFF if is_zip64 else size, 0, 0)
    if is_zip64:
        record = struct.pack("<4sQ2H2L4Q", b"PK\6\6", 44, 45, 45, 0, 0, members, members, size, 0)
        ends = record + struct.pack("<4sLQL", b"PK\6\7", 0, size, 1) + ends
    return directory * members + ends


def memory_of(content):
    """The most bytes that looking at the zip has taken, and what was said of it."""
    tracemalloc.start()
    try:
        parts.parts_of(io.BytesIO(content), "list.zip")
    except parts.FileRefused as refusal:
        said = str(refusal)
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return most, said


@pytest.mark.parametrize("is_zip64", [False, True])
def test_a_zip_of_very_many_members_is_refused_before_its_directory_is_read(monkeypatch, is_zip64):
    monkeypatch.setattr(parts, "MOST_DIRECTORY", 100_000)
    refused = "This zip holds more than 1,000 files. Put the lists alone into one."
    assert memory_of(directory_of(1000, is_zip64=is_zip64))[1] == "There is no CSV file in this zip."
    assert memory_of(directory_of(1001, is_zip64=is_zip64))[1] == refused
    many = directory_of(5_000, is_zip64=is_zip64)
    most, said = memory_of(many)
    assert said == refused
    assert most < len(many)
    # The negative control: read, it takes ten times the file.
    monkeypatch.setattr(parts, "MOST_DIRECTORY", len(many))
    assert memory_of(many)[0] > 10 * len(many) / 2


@pytest.mark.django_db
def test_a_zip_that_understates_its_size_hands_out_no_more_than_it_says():
    content = table(*(f"p{number}@example.com,P,confirmed" for number in range(2000)))
    small = bytearray(zipped(subscribers=content))
    for mark, place in ((b"PK\x03\x04", 22), (b"PK\x01\x02", 24)):
        begin = small.index(mark) + place
        small[begin : begin + 4] = (1000).to_bytes(4, "little")
    made = work(upload(bytes(small), name="a.zip"))
    # Either way it ends, and nobody is there: it was only checked.
    assert made.state in ("failed", "checked")
    assert made.rows_done < 60
    assert not Subscriber.objects.exists()


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("name", "status", "words"),
    [
        ("unsubscribed_1.csv", "confirmed", "The file is of people with the state “has left”, not “on the list”."),
        ("list.csv", "", "Say whose addresses these are: nothing in the file tells."),
    ],
)
def test_mailchimps_files_say_whose_addresses_they_hold(name, status, words):
    content = table("ada@example.com", header="Email Address")
    assert refused(content, format="mailchimp", name=name, status=status) == f"{name}: {words}"


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("header", "name", "state"),
    [
        ("Email Address,UNSUB_TIME", "list.csv", "unsubscribed"),
        ("EMAIL ADDRESS,Clean_Time", "list.csv", "bounced"),
        ("email address,unsub_time", "subscribed_1.csv", "unsubscribed"),
        ("Dirección de correo electrónico,x", "subscribed_1.csv", "confirmed"),
    ],
)
def test_columns_tell_too_however_they_are_cased(header, name, state):
    bring_in(table("ada@example.com,2020-01-02 03:04:05", header=header), format="mailchimp", name=name)
    assert people() == [("ada@example.com", "", state)]


WRONG = "Enter an email address in the correct format, like name@example.com."
QUOTED = "Enter an email address without quotation marks and backslashes."


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("typed", "stored"),
    [
        (" Ada@EXAMPLE.com ", "Ada@example.com"),
        ("ada+news@example.com", "ada+news@example.com"),
        ("ada@xn--mller-kva.example", "ada@müller.example"),
        ("ada@MÜLLER.example", "ada@müller.example"),
        ("o'hara=x@example.com", "o'hara=x@example.com"),
        ("a" * 64 + "@" + "b" * 60 + ".example", "a" * 64 + "@" + "b" * 60 + ".example"),
    ],
)
def test_addresses_are_stored_in_one_spelling(typed, stored):
    bring_in(table(f"{typed},,confirmed"))
    assert [person[0] for person in people()] == [stored]


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("typed", "words"),
    [
        ('"""ada lee""@example.com"', QUOTED),
        ("ada", WRONG),
        ("ada@", WRONG),
        ("ada@[192.0.2.1]", WRONG),
        ('"ada@example.com\r\nBcc: x@example.com"', WRONG),
        ("ada\x0b@example.com", WRONG),
        ("\u0430da@example.com", WRONG),
        (f"{'a' * 64}@{'b' * 63}.{'c' * 63}.{'d' * 63}.example", WRONG),
        ("ada@example.com; bea@example.com", WRONG),
        ("", "The row has no email address."),
        ("noreply@example.com", "This is the address of a machine or of a mail server's keeper, not of a reader."),
        ("Postmaster+x@example.com", "This is the address of a machine or of a mail server's keeper, not of a reader."),
    ],
)
def test_what_is_no_address_of_a_person_is_refused(typed, words):
    made = bring_in(table(f"{typed},Ada,confirmed"))
    assert not Subscriber.objects.exists()
    assert [(row[2], row[3]) for row in report_of(made)] == [("refused", words)]


@pytest.mark.django_db
def test_an_offices_address_comes_in_with_a_remark_and_a_machines_may_leave():
    made = bring_in(table("info@example.com,,confirmed", "noreply@example.com,,unsubscribed"))
    assert [(row[2], row[3]) for row in report_of(made)] == [
        ("brought in", "An office's address: did a person ask with it?"),
        ("written down as off the list", ""),
    ]
    assert made.counts["remarks"] == 1


@pytest.mark.django_db
def test_names_are_cleaned_and_formulas_stay_text():
    made = bring_in(
        table(
            """a@example.com,"=SUM(""x"",""y"")",confirmed""",
            "b@example.com,  Bea \t\x07 \u202eLee  ,confirmed",
            f"c@example.com,{'n' * 90},confirmed",
            """d@example.com,"=HYPERLINK(""http://x"",""y"")",confirmed""",
            "e@example.com,see WWW.evil.example,confirmed",
        )
    )
    assert names() == {
        "a@example.com": '=SUM("x","y")',
        "b@example.com": "Bea Lee",
        "c@example.com": "n" * 80,
        "d@example.com": "",
        "e@example.com": "",
    }
    website = "The name was left out: it holds the address of a website."
    assert [row[3] for row in report_of(made)] == ["", "", "The name was cut to 80 characters.", website, website]


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("cells", "words"),
    [
        ("confirmed,03/04/2020,en", "The consent's time is “03/04/2020”, not one like 2024-05-31 14:05:00."),
        ("confirmed,2999-01-01,en", "The consent's time is in the future."),
        ("confirmed,0001-01-01T00:00:00+14:00,en", "not one like"),
        ("confirmed,1970-01-01,en", "The consent's time is before 1990."),
        ("gone,,en", "The status “gone” is none of: pending, confirmed, unsubscribed, bounced, complained."),
        (",,en", "The row does not say whether the person is on the list: its status is empty."),
    ],
)
def test_what_a_row_cannot_say_refuses_it(cells, words):
    made = bring_in(table(f"ada@example.com,{cells}", header="email,status,consent_at,language"))
    assert not Subscriber.objects.exists()
    assert words in report_of(made)[0][3]


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("typed", "stored", "words"),
    [
        ("en_US", "en", ""),
        ("EN", "en", ""),
        ("pt-br", "pt-br", ""),
        ("pt_PT", "pt-pt", "The site is not in the language “pt-pt”; it is kept."),
        ("es", "es", "The site is not in the language “es”; it is kept."),
        ("", "en", ""),
    ],
)
def test_a_language_is_the_sites_whatever_the_country(settings, typed, stored, words):
    """A mailing to those who read English goes by “en” alone."""
    settings.LANGUAGES = [("en", "English"), ("pt-br", "Português")]
    made = bring_in(table(f"a@example.com,{typed},confirmed", header="email,language,status"))
    assert Subscriber.objects.get().language == stored
    assert report_of(made) == [(2, "a@example.com", "brought in", words)]


@pytest.mark.django_db
def test_languages_and_network_addresses():
    header = "email,language,consent_network_address,status"
    made = bring_in(
        table(
            "a@example.com,pt_BR,2001:DB8::1,confirmed",
            "b@example.com,Spanish!,fe80::1%eth0,confirmed",
            "c@example.com,,999.1.1.1,confirmed",
            header=header,
        )
    )
    assert sorted(Subscriber.objects.values_list("email", "language", "consents__network_address")) == [
        ("a@example.com", "pt-br", "2001:db8::1"),
        ("b@example.com", "en", None),
        ("c@example.com", "en", None),
    ]
    assert report_of(made)[1][3] == "“Spanish!” is no code of a language, like “en”."
    # The evidence keeps what was written.
    assert "999.1.1.1" in Subscriber.objects.get(email="c@example.com").consents.get().words


@pytest.mark.django_db
def test_the_report_runs_no_formula():
    made = bring_in(table('"=cmd|x",A,confirmed', "+x,B,confirmed", "-y@example.com,C,confirmed", "@z,D,confirmed"))
    assert [row[1] for row in report_of(made)] == ["'=cmd|x", "'+x", "'-y@example.com", "'@z"]


@examples(max_examples=100)
@given(st.text() | st.text("'=+-@＝＋－＠\t\r\nx", max_size=4))
def test_defusing_is_undone_exactly_and_leaves_no_formula(text):
    safe = defused(text)
    assert plain(safe) == text
    assert not safe.startswith(("=", "+", "-", "@", "＝", "＋", "－", "＠", "\t", "\r", "\n"))


TRICKY = st.text("'\"=-＝;,\t\r\nx", max_size=6)


@examples(max_examples=200)
@given(st.lists(st.tuples(TRICKY, TRICKY), max_size=4), st.sampled_from(",;\t"))
def test_no_formula_begins_by_whichever_separator_a_spreadsheet_goes(rows, separator):
    text = io.StringIO(newline="")
    cells.write(text, rows)
    text.seek(0)
    found = list(csv.reader(text, delimiter=separator))
    assert not [cell for row in found for cell in row if cell.startswith(("=", "-", "＝"))]
    if separator == ",":
        assert [tuple(map(plain, row)) for row in found] == rows


def test_what_is_defused_is_seen_and_taken_back():
    text = 'Ask; =1 is "=2"\nx;=HYPERLINK("y")\r\n- one\r\n'
    assert defused(text) == 'Ask; =1 is "=2"\nx;\'=HYPERLINK("y")\r\n\'- one\r\n'
    assert [defused(each) for each in ("\nx", "＋1", "x=1", "a;b", "a@b", "")] == [
        "'\nx",
        "'＋1",
        "x=1",
        "a;b",
        "a@b",
        "",
    ]
    assert plain(defused(text)) == text


cell = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=20)


@examples(max_examples=200)
@given(
    st.lists(st.tuples(cell, cell, cell).filter(lambda cells: any(cells)), max_size=12),
    st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "utf-32-be"]),
    st.sampled_from(["\n", "\r\n", "\r"]),
    st.sampled_from(",;\t|"),
    st.integers(0, 12),
)
def test_whatever_is_written_is_read_and_gone_on_with_behind_any_row(written, encoding, end, separator, kept):
    text = io.StringIO()
    # Python's writer leaves a line end bare that is not its own.
    writer = csv.writer(text, delimiter=separator, lineterminator=end, quoting=csv.QUOTE_ALL)
    writer.writerows([("email", "name", "status"), *written])
    prefix = "\ufeff" if encoding == "utf-32-be" else ""
    file = io.BytesIO((prefix + text.getvalue()).encode(encoding))

    header = reading.read_header(file)
    first = list(reading.rows(file, header, begin=header.ends, row=header.row))[:kept]
    end_of = first[-1] if first else reading.Row(header.row, [], header.ends)
    second = list(reading.rows(file, header, begin=end_of.ends, row=end_of.number))

    assert header.names == ["email", "name", "status"]
    assert [row.cells for row in first + second] == [list(cells) for cells in written]
    assert [row.number for row in first + second] == list(range(2, len(written) + 2))


@examples(max_examples=200)
@given(st.binary(max_size=300))
def test_no_bytes_break_the_reader_or_make_it_stand_still(junk):
    file = io.BytesIO(b"email,name\n" + junk)
    header = reading.read_header(file)
    ends = [row.ends for row in reading.rows(file, header, begin=header.ends, row=1)]
    assert ends == sorted(set(ends))
    assert not ends or ends[-1] <= len(junk) + 11
