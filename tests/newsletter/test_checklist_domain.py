"""What the DNS says of the sender's domain, and that "there is none" is another thing than "nobody answered"."""

import time

import pytest

from newsletter.models import MailingRules
from newsletter.services.checklist import Check, Network, Verdict, network, slow
from tests.factories import NOON, make_campaign
from tests.newsletter.outside import SERVFAIL, SILENCE, names

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("practice")]

HOME = "clinic.example"
SPF, KEY, DMARC = '"v=spf1 include:mail.example -all"', '"v=DKIM1; k=rsa; p=MIIB"', '"v=DMARC1; p=none"'
GOOD = {(HOME, "TXT"): [SPF], (f"s1._domainkey.{HOME}", "TXT"): [KEY], (f"_dmarc.{HOME}", "TXT"): [DMARC]}


@pytest.fixture(autouse=True)
def sender(settings):
    settings.DEFAULT_FROM_EMAIL = f"Fern & Vale <desk@{HOME}>"
    MailingRules.objects.create(dkim_selector="s1")


@pytest.fixture
def dns():
    with names(records=GOOD) as server:
        yield server


def checks(dns):
    return slow(make_campaign(), now=NOON, network=Network(("127.0.0.1",), dns.port))


def of(name, dns):
    (found,) = [check for check in checks(dns) if check.name == name]
    return found.verdict, found.words


def test_a_domain_in_order(dns):
    assert checks(dns) == [
        Check("SPF", Verdict.OK, "clinic.example has an SPF record."),
        Check("DKIM", Verdict.OK, "s1._domainkey.clinic.example holds a key."),
        Check("DMARC", Verdict.OK, "_dmarc.clinic.example holds a record with the policy “none”."),
    ]
    assert sorted(dns.asked) == [
        ("_dmarc.clinic.example", "TXT"),
        ("clinic.example", "TXT"),
        ("s1._domainkey.clinic.example", "TXT"),
    ]


def test_a_domain_without_any_is_warned_of_and_never_stopped(dns):
    dns.records = {}
    assert checks(dns) == [
        Check(
            "SPF",
            Verdict.WARNING,
            "clinic.example has no SPF record. Your mail provider tells you its text (v=spf1 …), which you enter as a "
            "TXT record of the domain.",
        ),
        Check(
            "DKIM",
            Verdict.WARNING,
            "s1._domainkey.clinic.example holds no key. Your mail provider tells you what to enter there.",
        ),
        Check(
            "DMARC",
            Verdict.WARNING,
            "clinic.example has no DMARC record. Enter one as a TXT record of _dmarc.clinic.example; v=DMARC1; p=none "
            "is a beginning.",
        ),
    ]


@pytest.mark.parametrize("trouble", [SILENCE, SERVFAIL])
def test_a_server_that_does_not_answer_is_no_answer(monkeypatch, dns, trouble):
    monkeypatch.setattr(network, "LOOK_UP", 0.3)
    dns.records = dict.fromkeys([HOME, f"s1._domainkey.{HOME}", f"_dmarc.{HOME}"], trouble)
    assert checks(dns) == [
        Check("SPF", Verdict.UNKNOWN, "could not be checked: nobody answered for clinic.example."),
        Check("DKIM", Verdict.UNKNOWN, "could not be checked: nobody answered for s1._domainkey.clinic.example."),
        Check("DMARC", Verdict.UNKNOWN, "could not be checked: nobody answered for _dmarc.clinic.example."),
    ]


def test_silence_is_waited_for_once_for_all_and_three_seconds(monkeypatch, dns):
    assert network.LOOK_UP == 3
    monkeypatch.setattr(network, "LOOK_UP", 0.5)
    dns.records = dict.fromkeys([HOME, f"s1._domainkey.{HOME}", f"_dmarc.{HOME}"], SILENCE)
    began = time.monotonic()
    assert [check.verdict for check in checks(dns)] == [Verdict.UNKNOWN] * 3
    assert 0.5 <= time.monotonic() - began < 1.4


def test_no_server_at_all_is_no_answer(monkeypatch):
    monkeypatch.setattr(network, "LOOK_UP", 0.3)
    with names() as gone:
        port = gone.port
    found = slow(make_campaign(), now=NOON, network=Network(("127.0.0.1",), port))
    assert [(check.name, check.verdict) for check in found] == [
        ("SPF", Verdict.UNKNOWN),
        ("DKIM", Verdict.UNKNOWN),
        ("DMARC", Verdict.UNKNOWN),
    ]


@pytest.mark.parametrize(
    ("records", "expected"),
    [
        (["some=thing", SPF], (Verdict.OK, "clinic.example has an SPF record.")),
        (["V=SPF1 a ~all"], (Verdict.OK, "clinic.example has an SPF record.")),
        # Two strings of one record are one text, here "v=spf1 " and "-all".
        (['"v=spf1 " "-all"'], (Verdict.OK, "clinic.example has an SPF record.")),
        (
            [SPF, "v=spf1 a -all"],
            (Verdict.WARNING, "clinic.example has several SPF records, which counts as none. Make them one."),
        ),
        *(
            (
                [record],
                (
                    Verdict.WARNING,
                    "The SPF record of clinic.example allows everybody to send in its name (+all). Let it end with "
                    "~all or -all.",
                ),
            )
            for record in ("v=spf1 +all", "v=spf1 a all")
        ),
        (
            ["v=spf10 -all", "x v=spf1 -all"],
            (
                Verdict.WARNING,
                "clinic.example has no SPF record. Your mail provider tells you its text (v=spf1 …), which you enter "
                "as a TXT record of the domain.",
            ),
        ),
    ],
)
def test_spf(dns, records, expected):
    dns.records[HOME, "TXT"] = [text if text.startswith('"') else f'"{text}"' for text in records]
    assert of("SPF", dns) == expected


@pytest.mark.parametrize(
    ("record", "expected"),
    [
        ("p=MIIB", (Verdict.OK, "s1._domainkey.clinic.example holds a key.")),
        ("v=DKIM1; t=s; p = MIIB ;", (Verdict.OK, "s1._domainkey.clinic.example holds a key.")),
        (
            "v=DKIM1; p=",
            (
                Verdict.WARNING,
                "The key of s1._domainkey.clinic.example has been withdrawn. Ask your mail provider for the selector "
                "of today.",
            ),
        ),
        (
            "v=spf1 -all",
            (
                Verdict.WARNING,
                "s1._domainkey.clinic.example holds no key. Your mail provider tells you what to enter there.",
            ),
        ),
    ],
)
def test_dkim(dns, record, expected):
    dns.records[f"s1._domainkey.{HOME}", "TXT"] = [f'"{record}"']
    assert of("DKIM", dns) == expected


def test_a_key_behind_an_alias_is_found(dns):
    del dns.records[f"s1._domainkey.{HOME}", "TXT"]
    dns.records[f"s1._domainkey.{HOME}", "CNAME"] = ["s1.mail.example."]
    dns.records["s1.mail.example", "TXT"] = [KEY]
    assert of("DKIM", dns) == (Verdict.OK, "s1._domainkey.clinic.example holds a key.")


def test_dkim_without_a_selector_says_where_to_get_it(dns):
    MailingRules.objects.update(dkim_selector="")
    assert of("DKIM", dns) == (
        Verdict.UNKNOWN,
        "could not be checked without its selector. Your mail provider tells it, and it stands behind s= in the "
        "DKIM-Signature of a letter you have received. Enter it in the rules of the mailings.",
    )


@pytest.mark.parametrize(
    ("records", "expected"),
    [
        (
            ["v=DMARC1; p=Reject; rua=mailto:x@example.com"],
            (Verdict.OK, "_dmarc.clinic.example holds a record with the policy “reject”."),
        ),
        (
            ["v=DMARC1; p=none", "v=DMARC1; p=reject"],
            (Verdict.WARNING, "_dmarc.clinic.example holds several DMARC records, which counts as none. Leave one."),
        ),
        *(
            (
                [record],
                (
                    Verdict.WARNING,
                    "The DMARC record of _dmarc.clinic.example names no policy: p=none, p=quarantine or p=reject.",
                ),
            )
            for record in ("v=DMARC1; rua=mailto:x@example.com", "v=DMARC1; p=maybe", "v=DMARC1; sp=none")
        ),
        (
            ["v=DMARC2; p=none", "p=none; v=DMARC1"],
            (
                Verdict.WARNING,
                "clinic.example has no DMARC record. Enter one as a TXT record of _dmarc.clinic.example; v=DMARC1; "
                "p=none is a beginning.",
            ),
        ),
    ],
)
def test_dmarc(dns, records, expected):
    dns.records[f"_dmarc.{HOME}", "TXT"] = [f'"{text}"' for text in records]
    assert of("DMARC", dns) == expected


def test_the_record_of_the_domain_above_counts_the_nearest_first(settings, dns):
    settings.DEFAULT_FROM_EMAIL = f"desk@mail.news.{HOME}"
    assert of("DMARC", dns) == (Verdict.OK, "_dmarc.clinic.example holds a record with the policy “none”.")
    assert sorted(name for name, _kind in dns.asked if name.startswith("_dmarc")) == [
        "_dmarc.clinic.example",
        "_dmarc.mail.news.clinic.example",
        "_dmarc.news.clinic.example",
    ]

    dns.records[f"_dmarc.news.{HOME}", "TXT"] = ['"v=DMARC1; p=reject"']
    assert of("DMARC", dns) == (Verdict.OK, "_dmarc.news.clinic.example holds a record with the policy “reject”.")


def test_a_silence_below_a_record_hides_what_it_would_have_said(monkeypatch, settings, dns):
    monkeypatch.setattr(network, "LOOK_UP", 0.3)
    settings.DEFAULT_FROM_EMAIL = f"desk@news.{HOME}"
    dns.records[f"_dmarc.news.{HOME}"] = SILENCE
    assert of("DMARC", dns) == (
        Verdict.UNKNOWN,
        "could not be checked: nobody answered for _dmarc.news.clinic.example.",
    )


def test_a_sender_on_this_machine_alone_has_nothing_to_look_up(settings, dns):
    settings.DEFAULT_FROM_EMAIL = "clinic@localhost"
    assert checks(dns) == [
        Check(
            "Sender's domain",
            Verdict.UNKNOWN,
            "Letters come from “localhost”, which is a name of this machine alone: there is nothing to look up.",
        )
    ]
    assert dns.asked == []
