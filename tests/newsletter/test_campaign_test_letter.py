"""A test letter goes to colleagues at once, over a real mail server, and to nobody else."""

from datetime import timedelta
from urllib.parse import urlsplit

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.messages import get_messages
from django.test import Client

from clinic.models import RateLimit, User
from newsletter.models import Delivery, Subscriber
from newsletter.services import test_letters
from tests import factories, mail_sink
from tests.newsletter.writing import address, desk, said

pytestmark = pytest.mark.django_db

TEXT = {"kind": "text", "text": "<p>What is new, {{ name|dear reader }}.</p>"}


@pytest.fixture(autouse=True)
def elm_street():
    return factories.make_practice()


@pytest.fixture
def sink(settings):
    with mail_sink.running() as sink:
        settings.SENDS_MAIL = True
        settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
        settings.EMAIL_HOST, settings.EMAIL_PORT, settings.EMAIL_TIMEOUT = "127.0.0.1", sink.port, 5
        settings.DEFAULT_FROM_EMAIL = "Elm Street <desk@elmstreet.example>"
        yield sink


@pytest.fixture
def mary():
    mary = factories.marketing()
    mary.first_name, mary.email = "Mary", "mary@elmstreet.example"
    mary.save()
    return mary


@pytest.fixture
def client(mary):
    return desk(mary)


@pytest.fixture
def campaign():
    factories.make_subscriber(email="reader@example.com")
    return factories.make_campaign(subject="Spring news", blocks=[TEXT])


def colleague(name="bob", **fields):
    return User.objects.create_user(
        **{
            "username": name,
            "first_name": name.title(),
            "is_staff": True,
            "email": f"{name}@elmstreet.example",
            **fields,
        }
    )


def send(client, campaign, *people, **more):
    return client.post(address(campaign, "test"), {"to": [person.pk for person in people], **more}, follow=True)


def test_it_reaches_the_chosen_colleagues_at_once(client, sink, campaign, mary):
    bob = colleague()
    answer = send(client, campaign, mary, bob)
    assert answer.redirect_chain == [(address(campaign, "preview"), 303)]
    assert said(answer) == [
        ("success", "Test to Bob: accepted by the server: 250 OK"),
        ("success", "Test to Mary: accepted by the server: 250 OK"),
    ]
    to_bob, to_mary = sink.accepted
    assert [(message["To"], message["Subject"]) for message in sink.accepted] == [
        ("bob@elmstreet.example", "[Test] Spring news"),
        ("mary@elmstreet.example", "[Test] Spring news"),
    ]
    assert "Elm Street Aesthetics" in to_mary["From"]
    assert to_bob["Message-ID"] != to_mary["Message-ID"]
    assert "What is new, Bob." in to_bob.get_body(["html"]).get_content()
    assert "What is new, Mary." in to_mary.get_body(["plain"]).get_content()
    # Of the mailing itself nothing has happened.
    campaign.refresh_from_db()
    assert (campaign.state, Delivery.objects.count()) == ("draft", 0)
    (entry,) = LogEntry.objects.all()
    assert (entry.user, entry.change_message) == (mary, "Sent 2 test letters.")


def test_its_links_belong_to_nobody_and_say_so(client, sink, campaign, mary):
    send(client, campaign, mary)
    (message,) = sink.accepted
    leave = urlsplit(message["List-Unsubscribe"].strip("<>")).path
    assert leave == "/newsletter/unsubscribe/test/"
    text = message.get_body(["plain"]).get_content()
    assert "/newsletter/preferences/test/" in text
    before = list(Subscriber.objects.values())
    visitor = Client(enforce_csrf_checks=True)
    for path in (leave, "/newsletter/preferences/test/"):
        for answer in (visitor.get(path), visitor.post(path, {"List-Unsubscribe": "One-Click"})):
            assert (path, answer.status_code) == (path, 200)
            assert "The link of a test letter" in answer.content.decode()
    assert list(Subscriber.objects.values()) == before


def test_no_address_can_be_typed(client, sink, campaign, mary):
    """Subscribers, strangers, colleagues who left or have no address, numbers of nobody: none of them is a choice."""
    reader = Subscriber.objects.get()
    nobody = [
        factories.stranger(),
        colleague("gone", is_active=False),
        colleague("bare", email=""),
        colleague("plain", is_staff=False),
    ]
    tried = [*(user.pk for user in nobody), reader.pk + 10_000, "reader@example.com", "' OR 1=1"]
    for value in tried:
        answer = client.post(address(campaign, "test"), {"to": [mary.pk, value], "email": "reader@example.com"})
        assert (value, answer.status_code) == (value, 422)
    assert client.post(address(campaign, "test"), {"to": []}).context["form"].errors == {
        "to": ["Choose at least one person."]
    }
    crowd = [colleague(f"c{number}") for number in range(6)]
    answer = send(client, campaign, *crowd)
    assert answer.context["form"].errors == {"to": ["Choose at most 5 people at a time."]}
    assert sink.accepted == []


def test_the_choice_is_staff_with_an_address_oneself_chosen_already(client, sink, campaign, mary):
    bob = colleague()
    factories.stranger()
    colleague("gone", is_active=False)
    form = client.get(address(campaign, "preview")).context["form"]
    assert form.fields["to"].choices == [
        (mary.pk, "Mary, mary@elmstreet.example"),
        (bob.pk, "Bob, bob@elmstreet.example"),
    ]
    assert form.fields["to"].initial == [mary.pk]


def test_the_servers_words_are_told(client, sink, campaign, mary):
    bob = colleague()
    sink.answers.extend(["550 5.1.1 No such user here", "451 4.3.0 Try again later"])
    answer = send(client, campaign, mary, bob)
    assert said(answer) == [
        ("error", "Test to Bob: not accepted. The answer was: 550 5.1.1 No such user here"),
        ("error", "Test to Mary: not accepted. The answer was: 451 4.3.0 Try again later"),
    ]
    assert sink.accepted == []
    assert LogEntry.objects.get().change_message == "Sent 0 test letters."


def test_no_address_of_a_colleague_is_kept_in_a_cookie(client, sink, campaign, mary):
    """The messages are, until they are shown; and servers like to repeat the address."""
    bob, eva = colleague(email="bób@elmstreet.example"), colleague("eva", email="eva@bücher.example")
    sink.answers.extend(
        ["550 5.1.1 <eva@xn--bcher-kva.example>: no such user", "550 5.1.1 <Mary@ElmStreet.example>: no such user"]
    )
    answer = client.post(address(campaign, "test"), {"to": [mary.pk, bob.pk, eva.pk]})
    words = [str(message) for message in get_messages(answer.wsgi_request)]
    assert words[0].startswith("Test to Bob: not accepted.")
    assert words[1:] == [
        f"Test to {name}: not accepted. The answer was: 550 5.1.1 (address) no such user" for name in ("Eva", "Mary")
    ]
    kept = "".join(words) + answer.cookies["messages"].value
    assert [word for word in ("elmstreet", "xn--", "cher.example") if word in kept] == []


@pytest.mark.parametrize("name", [r"Ann \d", r"Ann \g<1>", "Ann %s"])
def test_a_name_is_told_as_it_is_typed(client, sink, campaign, name):
    ann = colleague("ann", first_name=name)
    sink.answers.append("550 5.1.1 <ann@elmstreet.example>: no such user")
    assert said(send(client, campaign, ann)) == [
        ("error", f"Test to {name}: not accepted. The answer was: 550 5.1.1 (address) no such user")
    ]


def test_a_line_that_breaks_is_no_success(client, sink, campaign, mary):
    sink.answers.append(lambda message: None)
    ((level, words),) = said(send(client, campaign, mary))
    assert (level, words.startswith("Test to Mary: not accepted.")) == ("error", True)


def test_a_server_that_is_away_is_told(client, sink, campaign, mary):
    sink.stop()
    ((level, words),) = said(send(client, campaign, mary))
    assert (level, words.startswith("The mail server was not reached. It said: ")) == ("error", True)


def test_an_address_that_cannot_be_written_does_not_stop_the_others(client, sink, campaign, mary):
    bob = colleague(email="bób@elmstreet.example")
    answer = send(client, campaign, mary, bob)
    assert [level for level, _words in said(answer)] == ["error", "success"]
    assert [message["To"] for message in sink.accepted] == ["mary@elmstreet.example"]


def test_twenty_an_hour_are_enough(client, sink, campaign, mary):
    crowd = [mary, *(colleague(f"c{number}") for number in range(4))]
    for _time in range(4):
        assert send(client, campaign, *crowd).status_code == 200
    answer = send(client, campaign, mary)
    assert answer.status_code == 429
    assert 0 < int(answer["Retry-After"]) <= 3601
    assert "20 test letters an hour are the limit." in answer.content.decode()
    assert len(sink.accepted) == 20
    # Others have their own.
    other = desk(User.objects.create_superuser("zoe", email="zoe@elmstreet.example"))
    assert send(other, campaign, mary).status_code == 200
    assert len(sink.accepted) == 21
    assert RateLimit.objects.count() == 2
    assert test_letters.LETTERS.period == timedelta(hours=1)


def test_what_is_refused_uses_nothing_up(client, sink, campaign, mary):
    crowd = [mary, *(colleague(f"c{number}") for number in range(4))]
    for people in (crowd, crowd, crowd, crowd[:3]):
        send(client, campaign, *people)
    assert send(client, campaign, *crowd).status_code == 429
    assert send(client, campaign, *crowd[:2]).status_code == 200
    assert len(sink.accepted) == 20


def test_without_a_mail_server_nothing_leaves_and_the_page_says_so(client, campaign, mary, mailoutbox):
    assert (
        "There is no mail server here, so no letter leaves."
        in client.get(address(campaign, "preview")).content.decode()
    )
    answer = send(client, campaign, mary)
    assert said(answer) == [
        ("warning", "No letter has left: there is no mail server here. What you see is what it would be.")
    ]
    assert mailoutbox == []
    assert RateLimit.objects.count() == 0


def test_others_cannot_send_one(sink, campaign, mary):
    for browser, status in ((desk(factories.front_desk()), 403), (desk(factories.stranger()), 302), (Client(), 302)):
        answer = browser.post(address(campaign, "test"), {"to": [mary.pk]})
        assert answer.status_code == status
    careful = Client(enforce_csrf_checks=True)
    careful.force_login(mary)
    assert careful.post(address(campaign, "test"), {"to": [mary.pk]}).status_code == 403
    assert sink.accepted == []


def test_a_letter_that_is_too_large_is_not_sent(client, sink, mary):
    campaign = factories.make_campaign(blocks=[{"kind": "text", "text": f"<p>{'word ' * 30_000}</p>"}])
    ((level, words),) = said(send(client, campaign, mary))
    assert (level, "100 KB" in words) == ("error", True)
    assert sink.accepted == []


def test_a_subject_cannot_bring_headers_along(client, sink, mary):
    campaign = factories.make_campaign(subject="News\r\nBcc: eve@example.com", blocks=[TEXT])
    send(client, campaign, mary)
    (message,) = sink.accepted
    assert (message["Subject"], message["Bcc"]) == ("[Test] News Bcc: eve@example.com", None)
