"""What is refused, what is taken as it comes, and what each of them hears."""

import pytest
from django.test import Client, override_settings
from django.utils import timezone

from clinic import letters
from clinic.models import Letter
from newsletter.models import Consent, Subscriber
from tests.newsletter.steps import ADA, SIGN_UP, last_letter, path_in, sign_up

pytestmark = pytest.mark.django_db


def refusal(client, email=ADA, **fields):
    """The page of a sign-up that must be refused as rejected input."""
    answer = sign_up(client, email, fields=fields)
    assert answer.status_code == 422
    assert not Subscriber.objects.exists()
    assert not Letter.objects.exists()
    return answer.content.decode()


@pytest.mark.parametrize(
    ("email", "words"),
    [
        ("", "Enter your email address."),
        ("ada", "Enter an email address in the correct format"),
        ("ada@example.com\r\nBcc: eve@example.com", "Write this on one line, without hidden characters."),
        ("a" * 900_000, "at most 254 characters"),
    ],
)
def test_an_address_that_cannot_be_written_to_is_refused_in_words(client, email, words):
    page = refusal(client, email, name="Ada")
    assert "<title>Error: E-Newsletter Sign-Up" in page
    assert 'class="error-summary"' in page
    assert '<a href="#id_email">' in page
    assert words in page
    assert 'value="Ada"' in page


@pytest.mark.parametrize(
    ("email", "stored"),
    [
        ("Ada.Lovelace+news@Example.COM", "Ada.Lovelace+news@example.com"),
        ("  ada@example.com ", "ada@example.com"),
        ("ada@bücher.example", "ada@bücher.example"),
        ("ada@BÜCHER.example", "ada@bücher.example"),
        ("ada@xn--bcher-kva.example", "ada@bücher.example"),
        ("ada@XN--BCHER-KVA.example", "ada@bücher.example"),
        ("ada@ｅｘａｍｐｌｅ.com", "ada@example.com"),
        ("o'hara@example.com", "o'hara@example.com"),
        # An address that several people read is theirs to sign up with.
        ("info@example.com", "info@example.com"),
        ("Postmaster@Example.com", "Postmaster@example.com"),
        ("no-reply@example.com", "no-reply@example.com"),
        ("a" * 64 + "@" + "b" * 63 + "." + "c" * 63 + "." + "d" * 57 + ".com", None),
    ],
)
@override_settings(SENDS_MAIL=True)
def test_an_unusual_address_is_stored_and_written_to(client, mailoutbox, email, stored):
    assert sign_up(client, email).status_code == 303
    assert [subscriber.email for subscriber in Subscriber.objects.all()] == [stored or email]
    assert last_letter(stored or email).to == (stored or email)
    assert letters.send_next(now=timezone.now())
    # As the wire carries it: this raises for an address that no mail server would take.
    assert mailoutbox[0].message()["To"]
    assert Letter.objects.get().state == Letter.State.SENT


def test_one_person_is_on_the_list_once_however_the_address_is_spelt(client):
    for email in ("ada@bücher.example", "ADA@xn--bcher-kva.example", "Ada@BÜCHER.example"):
        assert sign_up(client, email).status_code == 303
    assert Subscriber.objects.count() == 1
    assert {letter.to for letter in Letter.objects.all()} == {"ada@bücher.example"}


def test_tags_are_addresses_of_their_own_and_capitals_are_not(client):
    for email in ("ada@example.com", "ada+news@example.com", "ADA@Example.com"):
        assert sign_up(client, email).status_code == 303
    assert sorted(Subscriber.objects.values_list("email", flat=True)) == ["ada+news@example.com", "ada@example.com"]


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("a" * 81, "at most 80 characters"),
        ("Ada\x00", "Null characters are not allowed"),
        ("Ada\x1b[31m", "without control characters"),
        ("\u202eadA", "without control characters"),
        ("Win at https://evil.example", "without the address of a website"),
        ("see WWW.evil.example", "without the address of a website"),
        ("evil.com/free", "without the address of a website"),
    ],
)
def test_a_name_that_is_no_name_is_refused_in_words(client, name, words):
    page = refusal(client, name=name)
    assert words in page
    assert f'value="{ADA}"' in page


@pytest.mark.parametrize(
    ("name", "stored"),
    [
        ("", ""),
        ("Ada\r\nBcc: eve@clinic", "Ada Bcc: eve@clinic"),
        ("Ada\nByron\u2028King", "Ada Byron King"),
        ("שרה כהן", "שרה כהן"),
        ("Ada 🙂👩‍🔬", "Ada 🙂👩‍🔬"),
        ("<script>alert(1)</script>", "<script>alert(1)</script>"),
        ("{{ 7|add:1 }}{% now 'Y' %}", "{{ 7|add:1 }}{% now 'Y' %}"),
        ("=1+1", "=1+1"),
    ],
)
def test_a_name_is_taken_as_it_comes_and_never_stands_in_a_letter(client, name, stored):
    assert sign_up(client, fields={"name": name}).status_code == 303
    assert Consent.objects.get().name == stored
    letter = last_letter()
    assert letter.subject == "Please confirm your e-newsletter sign-up"
    assert not stored or stored not in letter.body
    assert "Bcc" not in letter.body


def test_html_that_was_typed_is_shown_as_text(client):
    page = refusal(client, '"><script>alert(1)</script>', name="<b>Ada</b>", page='"><i>')
    assert "<script>alert(1)" not in page
    assert "<b>Ada" not in page
    assert "<i>" not in page


def test_a_filled_honeypot_asks_for_one_more_click(client):
    page = refusal(client, website="https://spam.example", name="Ada")
    assert "A field that people cannot see was filled in." in page
    assert f'value="{ADA}"' in page
    # It comes back empty, so that sending the form again works for a person whose browser had filled it.
    assert "spam.example" not in page


@pytest.mark.parametrize("charset", ["latin1", "utf-7", "ascii"])
def test_another_encoding_is_a_bad_request(client, charset):
    kind = f"application/x-www-form-urlencoded; charset={charset}"
    assert client.post(SIGN_UP, "email=ada%40example.com", content_type=kind).status_code == 400
    sign_up(client)
    for word in ("confirm", "unsubscribe"):
        path = path_in(last_letter(), word)
        assert client.post(path, "wording=x", content_type=kind).status_code == 400
    assert Subscriber.objects.get().state == "pending"


def test_ten_megabytes_are_refused(client):
    body = "email=ada%40example.com&name=" + "a" * 10_000_000
    assert client.post(SIGN_UP, body, content_type="application/x-www-form-urlencoded").status_code == 413
    assert not Subscriber.objects.exists()


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        ("{}", "application/json"),
        ("not a form", "multipart/form-data; boundary=x"),
        ("email", "application/x-www-form-urlencoded"),
        ("", "text/plain"),
    ],
)
def test_a_body_that_is_no_form_is_answered_with_the_form(client, body, kind):
    assert client.post(SIGN_UP, body, content_type=kind).status_code in {400, 422}
    assert not Subscriber.objects.exists()


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "https://evil.example"},
        {"origin": "null"},
        {"origin": ""},
        {"origin": "http://testserver.evil.example"},
        {"origin": "https://testserver"},
        {"origin": "http://testserver:8001"},
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
        {"origin": "http://testserver", "sec-fetch-site": "cross-site"},
    ],
)
def test_a_form_on_another_site_is_refused_in_words(headers):
    client = Client(headers=headers)
    answer = sign_up(client)
    assert answer.status_code == 403
    assert "That form came from another website" in answer.content.decode()
    assert not Subscriber.objects.exists()
    # Reading is open to all.
    assert client.get(SIGN_UP).status_code == 200

    sign_up(Client())
    assert client.post(path_in(last_letter(), "confirm")).status_code == 403
    assert Subscriber.objects.get().state == "pending"
    # Leaving never is: the token is enough, wherever a mail program sends it from.
    assert client.post(path_in(last_letter(), "unsubscribe"), {"List-Unsubscribe": "One-Click"}).status_code == 200
    assert Subscriber.objects.get().state == "unsubscribed"


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"origin": "http://testserver"},
        {"origin": "https://elmstreet.example"},
        {"origin": "http://testserver", "sec-fetch-site": "same-origin"},
        {"sec-fetch-site": "none"},
    ],
)
def test_our_own_forms_are_taken_without_a_cookie(headers):
    client = Client(headers=headers, enforce_csrf_checks=True)
    assert sign_up(client).status_code == 303
    assert client.post(path_in(last_letter(), "confirm")).status_code == 200
    assert Subscriber.objects.get().state == "confirmed"
    assert client.cookies == {}


@pytest.mark.parametrize(
    ("page", "stored"),
    [
        ("/articles/", "/articles/"),
        ("/treatments/?q=secret#part", "/treatments/"),
        ("/articles/does-it-shrink-pores/", "/articles/does-it-shrink-pores/"),
        ("", ""),
        ("https://evil.example/articles/", ""),
        ("//evil.example/articles/", ""),
        ("/\\evil.example/", ""),
        ("javascript:alert(1)", ""),
        ("/no/such/page/", ""),
        ("/newsletter/confirm/some-token/", ""),
        ("/admin/newsletter/subscriber/1/change/", ""),
        ("/articles/\x00/", ""),
        ("/[", ""),
        ("//[", ""),
        # The URL standard drops tabs and line ends, which turns these into the addresses of hosts.
        ("/\t/[x", ""),
        ("/\n/[a]b", ""),
        ("/\t/evil.example/articles/", ""),
        ("/" + "a" * 5000 + "/", ""),
    ],
)
def test_only_a_path_of_ours_is_kept_as_the_page(client, page, stored):
    assert sign_up(client, fields={"page": page}).status_code == 303
    assert Consent.objects.get().page == stored
