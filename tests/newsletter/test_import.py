"""A list from elsewhere is brought in with its proof; nobody who is known here is changed."""

from datetime import UTC, datetime, timedelta

import pytest

from newsletter.models import Consent, SeenAddress, Subscriber, Suppression
from newsletter.services import importing, signing_up
from newsletter.services.importing import batches
from newsletter.services.journal import WEAKEST_FIRST
from newsletter.wording import Words
from tests.factories import NOON, make_subscriber, make_topic, marketing
from tests.newsletter.lists import (
    MAILCHIMP,
    PROOF,
    bring_in,
    everything,
    outcomes,
    people,
    report_of,
    table,
    upload,
    work,
    zipped,
)

pytestmark = pytest.mark.django_db

# What a report says of a check, and says as done when it is done.
WOULD = {
    "brought in": "would be brought in",
    "taken off the list": "would be taken off the list",
    "written down as off the list": "would be written down as off the list",
    "suppressed: the stronger reason written down": "suppressed: the stronger reason would be written down",
}

ADA = (
    "ada@example.com,Ada,Lovelace,2,2019-05-01 09:30:00,203.0.113.5,2019-05-01 09:31:00,203.0.113.6,a note,"
    '"""Botox"",""VIP"""'
)


def test_mailchimps_zip_brings_each_person_to_their_state():
    content = zipped(
        subscribed_members_export_1=table(ADA, header=MAILCHIMP),
        unsubscribed_members_export_1=table(
            "bea@example.com,Bea,,2,,,,,2021-06-07 08:09:10,NORMAL",
            "cy@example.com,Cy,,2,,,,,2021-06-07 08:09:10,ABUSE",
            header=MAILCHIMP.replace("NOTES,TAGS", "UNSUB_TIME,UNSUB_REASON"),
        ),
        cleaned_members_export_1=table(
            "dan@example.com,Dan,,2,,,,,2022-01-01 00:00:00,", header=MAILCHIMP.replace("NOTES,TAGS", "CLEAN_TIME,TAGS")
        ),
        nonsubscribed_members_export_1=table("eve@example.com,Eve,,2,,,,,,", header=MAILCHIMP),
    )

    done = bring_in(content, name="audience.zip", format="mailchimp", by=marketing())

    assert people() == [
        ("ada@example.com", "Ada Lovelace", "confirmed"),
        ("bea@example.com", "Bea", "unsubscribed"),
        ("cy@example.com", "Cy", "complained"),
        ("dan@example.com", "Dan", "bounced"),
    ]
    assert list(Suppression.objects.order_by("email").values_list("email", "reason", "words")) == [
        ("bea@example.com", "unsubscribed", f"import {done.pk}"),
        ("cy@example.com", "complained", f"import {done.pk}"),
        ("dan@example.com", "bounced", f"import {done.pk}"),
    ]
    assert done.counts == {"added_off": 3, "brought_in": 1, "pending": 1, "remarks": 0}
    assert done.state == "done"
    assert [person.email for person in Subscriber.objects.mailable()] == ["ada@example.com"]
    bea = Subscriber.objects.get(name="Bea")
    assert bea.left_at == datetime(2021, 6, 7, 8, 9, 10, tzinfo=UTC)


def test_the_consent_is_the_proof_and_what_the_row_says():
    user, topic = marketing(), make_topic(name="Offers")

    done = bring_in(table(ADA, header=MAILCHIMP), name="subscribed_1.csv", format="mailchimp", by=user, topics=[topic])

    ada = Subscriber.objects.get()
    assert (ada.confirmed_at, ada.created_at) == (datetime(2019, 5, 1, 9, 31, tzinfo=UTC),) * 2
    assert list(ada.topics.all()) == [topic]
    line = Consent.objects.get()
    assert (line.kind, line.version, line.at, line.by, line.network_address, line.topics) == (
        "imported",
        f"import {done.pk}",
        NOON,
        user,
        "203.0.113.6",
        ["Offers"],
    )
    assert line.words.splitlines() == [
        PROOF,
        "subscribed_1.csv, row 2",
        "consent_at: 2019-05-01 09:31:00",
        "consent_how: OPTIN_TIME 2019-05-01 09:30:00, OPTIN_IP 203.0.113.5, "
        "CONFIRM_TIME 2019-05-01 09:31:00, CONFIRM_IP 203.0.113.6",
        "consent_network_address: 203.0.113.6",
    ]
    # What the practice called its patients stays out.
    assert "Botox" not in line.words


def test_topics_are_found_by_short_name_and_by_name_and_an_unknown_one_refuses_the_row():
    offers, news = make_topic(name="Special Offers", slug="offers"), make_topic(name="News", slug="news")
    usual = make_topic(name="Usual", slug="usual")

    done = bring_in(
        table(
            "ada@example.com,confirmed,offers;NEWS",
            'bea@example.com,confirmed,"special offers, news"',
            "cy@example.com,confirmed,",
            "dan@example.com,confirmed,offers;lasers",
            "eve@example.com,unsubscribed,news;lasers",
            header="email,status,topics",
        ),
        topics=[usual],
    )

    chosen = {person.email: set(person.topics.all()) for person in Subscriber.objects.all()}
    assert chosen == {
        "ada@example.com": {offers, news},
        "bea@example.com": {offers, news},
        "cy@example.com": {usual},
        # Leaving is honoured whatever else the row says.
        "eve@example.com": {news},
    }
    assert report_of(done)[3] == (
        5,
        "dan@example.com",
        "refused",
        "There is no such topic here: lasers. Add it, or leave it out of the file.",
    )


@pytest.mark.parametrize(
    ("reason", "status"),
    [
        *((reason, status) for reason in WEAKEST_FIRST for status in ("confirmed", "pending", "unsubscribed")),
        *(("bounced", "bounced"), ("complained", "bounced"), ("complained", "complained")),
    ],
)
def test_importing_a_list_that_holds_suppressed_addresses_changes_nothing_for_them(status, reason):
    topic = make_topic(slug="offers")
    ada = make_subscriber(email="Ada@example.com", state=reason, topics=[topic])
    Suppression.objects.add(["ada@example.com", "ghost@example.com"], reason, now=NOON)
    still_on = make_subscriber(email="bea@example.com")
    Suppression.objects.add([still_on.email], reason, now=NOON)
    before = everything()

    done = bring_in(
        table(
            f"ADA@example.com,Another,{status},offers,2030-01-01",
            f"ghost@example.com,Ghost,{status},offers,2030-01-01",
            f"bea@example.com,Another,{status},offers,2030-01-01",
            header="email,name,status,topics,left_at",
        )
    )

    assert everything() == before
    word = "never confirmed: not brought in" if status == "pending" else "suppressed: left untouched"
    assert outcomes(done) == [(2, word), (3, word), (4, word)]
    assert ada.email not in Subscriber.objects.mailable().values_list("email", flat=True)


@pytest.mark.parametrize(
    ("reason", "status"), [("unsubscribed", "bounced"), ("unsubscribed", "complained"), ("bounced", "complained")]
)
def test_of_a_suppressed_address_a_stronger_reason_is_written_down_and_nobody_lifts_it(reason, status):
    """Who had left could come back in person; who complained elsewhere cannot."""
    ada = make_subscriber(email="Ada@example.com", name="Ada", state=reason, left_at=NOON - timedelta(days=9))
    Suppression.objects.add(["ada@example.com", "ghost@example.com"], reason, now=NOON)
    content = table(f"ADA@example.com,Another,{status}", f"ghost@example.com,Ghost,{status}")

    made = work(upload(content))
    checked = outcomes(made)
    importing.approve(made, now=NOON)
    work(made)

    assert outcomes(made) == [(row, "suppressed: the stronger reason written down") for row in (2, 3)]
    assert checked == [(row, WOULD[outcome]) for row, outcome in outcomes(made)]
    label = Subscriber.State(status).label
    assert {row[3] for row in report_of(made)} == {f"Off the list already, and from now on for good: {label}."}
    ada.refresh_from_db()
    # It shows the stronger one, off the list since the same day.
    assert (ada.name, ada.state, ada.left_at) == ("Ada", status, NOON - timedelta(days=9))
    assert people() == [("Ada@example.com", "Ada", status)]
    lines = [(f"{name}@example.com", said) for said in (reason, status) for name in ("ada", "ghost")]
    assert list(Suppression.objects.order_by("at", "email").values_list("email", "reason")) == lines
    ask = ada.record(Consent.Kind.ASKED, Words(version="1", text="Yes."), now=NOON + timedelta(days=1))
    with pytest.raises(signing_up.NotSentTo):
        signing_up.confirm(ask=ask, words=Words(version="1", text="Yes."), network_address="203.0.113.1", now=NOON)

    before = everything()
    assert outcomes(bring_in(content)) == [(2, "suppressed: left untouched"), (3, "suppressed: left untouched")]
    assert everything() == before


def test_who_has_left_under_the_former_spelling_of_a_domain_is_not_brought_in_under_the_new_one():
    Suppression.objects.add(["ada@strasse.example"], Suppression.Reason.UNSUBSCRIBED, now=NOON)
    before = everything()
    done = bring_in(table("Ada@straße.example,Ada,confirmed"))
    assert everything() == before
    assert outcomes(done) == [(2, "suppressed: left untouched")]
    bring_in(table("bea@straße.example,Bea,confirmed", "bea@strasse.example,Bea,confirmed"))
    assert [person[0] for person in people()] == ["bea@strasse.example", "bea@straße.example"]


def test_without_the_suppression_the_same_row_comes_in():
    bring_in(table("ghost@example.com,Ghost,confirmed"))
    assert people() == [("ghost@example.com", "Ghost", "confirmed")]


@pytest.mark.parametrize("state", Subscriber.State.values)
def test_who_is_known_keeps_name_state_and_topics(state):
    make_topic(slug="offers")
    make_subscriber(email="Ada@example.com", name="Ada", state=state)
    before = everything()

    done = bring_in(table("ada@EXAMPLE.com,Mallory,confirmed,offers", header="email,name,status,topics"))

    assert everything() == before
    assert outcomes(done) == [(2, "already there")]


def test_who_left_elsewhere_after_joining_here_is_taken_off():
    later = NOON + timedelta(days=1)
    ada = make_subscriber(email="ada@example.com")

    done = bring_in(
        table(f"ada@example.com,unsubscribed,{later.isoformat()}", header="email,status,left_at"),
        now=NOON + timedelta(days=2),
    )

    ada.refresh_from_db()
    assert (ada.state, ada.left_at) == ("unsubscribed", later)
    assert outcomes(done) == [(2, "taken off the list")]
    assert not Subscriber.objects.mailable().exists()
    line = Consent.objects.get(kind="left")
    assert line.words.splitlines() == [PROOF, "list.csv, row 2", f"unsubscribed: {later.isoformat()}"]


@pytest.mark.parametrize("status", ["unsubscribed", "bounced", "complained"])
def test_an_older_list_does_not_throw_off_who_joined_here_since(status):
    make_subscriber(email="ada@example.com")
    make_subscriber(email="bea@example.com", state="pending")
    before = everything()
    earlier = (NOON - timedelta(days=1)).isoformat()

    rows = (f"{name}@example.com,{status},{earlier}" for name in ("ada", "bea"))
    done = bring_in(table(*rows, header="email,status,left_at"))

    assert everything() == before
    assert outcomes(done) == [(2, "already there"), (3, "already there")]


def test_a_leaving_without_a_date_counts_from_now():
    """No letter, rather than one too many."""
    make_subscriber(email="ada@example.com")
    bring_in(table("ada@example.com", "bea@example.com", header="email"), status="unsubscribed")
    assert not Subscriber.objects.mailable().exists()
    assert Suppression.objects.in_force().count() == 2


def test_who_left_by_an_import_may_come_back_in_person():
    bring_in(table("ada@example.com,Ada,unsubscribed"))
    ada = Subscriber.objects.get()
    later = NOON + timedelta(days=1)
    words = Words(version="1", text="Yes.")
    ask = ada.record(Consent.Kind.ASKED, words, now=later)
    signing_up.confirm(ask=ask, words=words, network_address="203.0.113.1", now=later)
    ada.refresh_from_db()
    assert ada.state == "confirmed"


def test_the_second_row_of_an_address_is_told_and_leaving_wins_whatever_the_order():
    rows = (
        "ada@example.com,First,confirmed",
        "ADA@example.com,Second,confirmed",
        "bea@example.com,Bea,confirmed",
        "bea@example.com,Bea,unsubscribed",
        "cy@example.com,Cy,unsubscribed",
        "cy@example.com,Cy,confirmed",
        "bea@example.com,Bea,confirmed",
    )
    content = table(*rows)
    checked = work(upload(content))
    before = outcomes(checked)
    importing.approve(checked, now=NOON)
    work(checked)

    assert before == [(row, WOULD.get(outcome, outcome)) for row, outcome in outcomes(checked)]
    assert outcomes(checked) == [
        (2, "brought in"),
        (3, "twice in the file"),
        (4, "brought in"),
        (5, "taken off the list"),
        (6, "written down as off the list"),
        (7, "suppressed: left untouched"),
        (8, "twice in the file"),
    ]
    assert people() == [
        ("ada@example.com", "First", "confirmed"),
        ("bea@example.com", "Bea", "unsubscribed"),
        ("cy@example.com", "Cy", "unsubscribed"),
    ]
    assert [person.email for person in Subscriber.objects.mailable()] == ["ada@example.com"]
    assert not SeenAddress.objects.exists()


def test_in_mailchimps_zip_leaving_is_read_first():
    content = zipped(
        subscribed_1=table("ada@example.com", header="Email Address"),
        cleaned_1=table("ada@example.com,2020-01-01 00:00:00", header="Email Address,CLEAN_TIME"),
    )
    bring_in(content, format="mailchimp", name="a.zip")
    assert people() == [("ada@example.com", "", "bounced")]


def test_checking_changes_nothing_and_says_what_bringing_in_then_does(monkeypatch):
    monkeypatch.setattr(batches, "MOST", 20)
    make_topic(slug="offers")
    make_subscriber(email="known@example.com")
    make_subscriber(email="leaves@example.com")
    Suppression.objects.add(["gone@example.com"], "complained", now=NOON)
    rows = [f"p{number}@example.com,P,confirmed,offers" for number in range(48)]
    rows += [f"p{number}@example.com,P,unsubscribed," for number in range(0, 48, 4)]
    rows += ["known@example.com,K,confirmed,", "leaves@example.com,L,unsubscribed,", "gone@example.com,G,confirmed,"]
    rows += [
        "leaves@example.com,L,confirmed,",
        "broken,B,confirmed,",
        "q@example.com,Q,confirmed,nope",
        "info@x.org,,confirmed,",
    ]
    content = table(*rows, header="email,name,status,topics")
    before = everything()

    made = work(upload(content))
    assert everything() == before
    assert not SeenAddress.objects.exists()
    checked, counts = report_of(made), made.counts
    importing.approve(made, now=NOON)
    work(made)

    assert checked == [
        (row, address, WOULD.get(outcome, outcome), words) for row, address, outcome, words in report_of(made)
    ]
    assert made.counts == counts
    assert counts == {
        "brought_in": 49,
        "taken_off": 13,
        "there": 1,
        "suppressed": 2,
        "refused": 2,
        "remarks": 1,
    }
    assert (made.rows_done, made.bytes_done, made.bytes_total) == (len(rows), len(content), len(content))


def test_the_same_file_again_changes_nothing():
    content = table(
        "ada@example.com,Ada,confirmed",
        "bea@example.com,Bea,unsubscribed",
        "cy@example.com,Cy,bounced",
        "x,X,confirmed",
    )
    bring_in(content)
    before = everything()
    again = bring_in(content, now=NOON + timedelta(days=1))
    assert everything() == before
    assert again.counts == {"there": 1, "suppressed": 2, "refused": 1, "remarks": 0}


@pytest.mark.parametrize("proof", ["", " \n "])
def test_no_proof_no_import(proof):
    with pytest.raises(ValueError, match="proof"):
        upload(table("ada@example.com,Ada,confirmed"), proof=proof)
