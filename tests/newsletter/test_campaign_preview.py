"""What marketing looks at before it sends: the letter in two widths, as text, and in the mailbox."""

import re
from datetime import timedelta

import pytest
from django.contrib.auth.models import Permission
from django.utils import timezone

from clinic.models import User
from newsletter.models import Campaign, MailingRules
from tests import factories
from tests.newsletter.mailings import started
from tests.newsletter.writing import address, desk

pytestmark = pytest.mark.django_db

TEXT = {"kind": "text", "text": "<p>What is new, {{ name|dear reader }}.</p>"}


@pytest.fixture(autouse=True)
def elm_street():
    return factories.make_practice()


@pytest.fixture
def client():
    mary = factories.marketing()
    mary.first_name = "Mary"
    mary.save()
    return desk(mary)


def html(response):
    return response.content.decode()


def policy(response):
    parts = (part.strip().partition(" ") for part in response["Content-Security-Policy"].split(";"))
    return {name: words for name, _space, words in parts}


def test_the_letter_stands_in_two_locked_frames_and_as_text(client):
    campaign = factories.make_campaign(subject="Spring", preheader="New hours", blocks=[TEXT])
    page = client.get(address(campaign, "preview"))
    frames = re.findall(r"<iframe ([^>]*)>", html(page))
    assert [re.findall(r'(?:width|sandbox|src)="([^"]*)"', frame) for frame in frames] == [
        ["360", "allow-same-origin", address(campaign, "preview/letter")],
        ["640", "allow-same-origin", address(campaign, "preview/letter")],
    ]
    text = re.search(r'<pre class="letter-text"[^>]*>(.*?)</pre>', html(page), re.DOTALL)[1]
    assert "What is new, Mary." in text
    mailbox = re.search(r'<p class="mailbox">(.*?)</p>', html(page), re.DOTALL)[1]
    assert " ".join(re.sub(r"<[^>]+>", " ", mailbox).split()) == "Elm Street Aesthetics Spring New hours"
    letter = client.get(address(campaign, "preview/letter")).content
    assert page.context["shown"].kilobytes == -(-len(letter) // 1000)
    assert policy(page)["style-src"] == "'self'"


def test_the_address_on_the_site_is_told(client):
    campaign = factories.make_campaign(slug="spring")
    told = '<b class="address">/newsletter/archive/spring/</b>'
    assert told in html(client.get(address(campaign, "preview")))
    Campaign.objects.update(is_public=False)
    assert told not in html(client.get(address(campaign, "preview")))


def test_the_sender_is_that_of_the_rules(client):
    MailingRules.objects.create(sender_name="The Elm Street letter")
    assert client.get(address(factories.make_campaign(), "preview")).context["shown"].sender == "The Elm Street letter"


def test_the_letter_alone_can_do_nothing_but_be_looked_at(client, settings):
    campaign = factories.make_campaign(blocks=[TEXT])
    letter = client.get(address(campaign, "preview/letter"))
    assert policy(letter) == {
        "default-src": "'none'",
        "style-src": "'unsafe-inline'",
        "img-src": "'self' http://127.0.0.1:8000",
        "base-uri": "'none'",
        "form-action": "'none'",
        "frame-ancestors": "'self'",
        "sandbox": "allow-same-origin",
    }
    assert letter["X-Frame-Options"] == "SAMEORIGIN"
    assert "no-store" in letter["Cache-Control"]
    assert "What is new, Mary." in html(letter)
    # The page around it cannot be framed, as all of the desk.
    assert client.get(address(campaign, "preview"))["X-Frame-Options"] == "DENY"


def test_it_is_also_shown_without_a_name(client):
    campaign = factories.make_campaign(blocks=[TEXT])
    assert "What is new, dear reader." in html(client.get(address(campaign, "preview/letter"), {"nameless": ""}))
    page = html(client.get(address(campaign, "preview"), {"nameless": ""}))
    assert "What is new, dear reader." in page
    assert page.count(f"{address(campaign, 'preview/letter')}?nameless") == 2


def test_no_link_in_it_is_anybodys(client):
    campaign = factories.make_campaign(blocks=[TEXT])
    factories.make_subscriber()
    shown = html(client.get(address(campaign, "preview/letter"))) + html(client.get(address(campaign, "preview")))
    assert re.findall(r"/newsletter/(?:unsubscribe|preferences)/\w+", shown) == []


def test_what_is_written_stays_words(client):
    nasty = '"><script>alert(1)</script>'
    campaign = factories.make_campaign(
        subject=nasty,
        preheader=nasty,
        blocks=[
            {"kind": "text", "heading": nasty, "text": f"<p>Words{nasty}</p>"},
            {"kind": "button", "heading": nasty, "link": "/offers/"},
        ],
    )
    for page in ("preview", "preview/letter"):
        assert "<script>alert" not in html(client.get(address(campaign, page)))
    User.objects.filter(username="mary").update(first_name="<script>alert(2)</script>")
    factories.make_campaign()
    for page in ("preview", "preview/letter"):
        assert "<script>alert" not in html(client.get(address(campaign, page)))


@pytest.mark.parametrize("gone", ["ended early", "deleted"])
def test_an_offer_that_is_gone_since_it_started_is_not_shown(client, gone):
    now = timezone.now()
    peel = factories.make_offer(title="Peel", ends_at=now + timedelta(days=9))
    campaign = started("accepted", "queued", blocks=[TEXT, {"kind": "offer", "offer": peel}])
    sent, waiting = campaign.deliveries.order_by("pk")
    pages = [address(campaign, "preview/letter"), f"/admin/newsletter/delivery/{waiting.pk}/letter/"]
    assert ["Peel" in html(client.get(page)) for page in pages] == [True, True]
    if gone == "deleted":
        peel.delete()
    else:
        type(peel).objects.filter(pk=peel.pk).update(ends_at=timezone.now())
    assert ["Peel" in html(client.get(page)) for page in pages] == [False, False]
    said = client.get(address(campaign, "preview")).context["shown"]
    assert (said.missing, "Peel" in said.letter.text) == (["Left out, because the offer has ended: Peel."], False)
    # What has reached somebody with it is shown with it, as long as it is known when it ended.
    assert ("Peel" in html(client.get(f"/admin/newsletter/delivery/{sent.pk}/letter/"))) is (gone == "ended early")
    words = "An offer that was deleted after the letter had been sent is not shown"
    shown = [words in html(client.get(f"/admin/newsletter/delivery/{one.pk}/change/")) for one in (sent, waiting)]
    assert shown == [True, False]


def test_what_is_missing_in_it_is_said(client):
    now = timezone.now()
    over = factories.make_offer(
        title="Winter offer", starts_at=now - timedelta(days=2), ends_at=now - timedelta(days=1)
    )
    lamp = factories.make_image(rendered=False, title="Lamp")
    campaign = factories.make_campaign(
        blocks=[TEXT, {"kind": "offer", "offer": over}, {"kind": "picture", "picture": lamp}]
    )
    assert client.get(address(campaign, "preview")).context["shown"].missing == [
        "Not in it yet, because they are being prepared: Lamp.",
        "Left out, because the offer has ended: Winter offer.",
    ]
    assert client.get(address(factories.make_campaign(blocks=[TEXT]), "preview")).context["shown"].missing == []


def test_one_that_is_too_large_says_so_in_both_places(client):
    campaign = factories.make_campaign(blocks=[{"kind": "text", "text": f"<p>{'word ' * 30_000}</p>"}])
    page = client.get(address(campaign, "preview"))
    assert page.status_code == 200
    assert page.context["shown"] is None
    assert page.context["too_large"].startswith("This mailing has 1")
    assert page.context["too_large"] in html(page)
    letter = client.get(address(campaign, "preview/letter"))
    assert (html(letter), letter["Content-Type"]) == (page.context["too_large"], "text/plain; charset=utf-8")


def test_one_that_has_started_is_shown_as_it_went(client):
    campaign = started("accepted", subject="As it went", blocks=[TEXT])
    Campaign.objects.filter(pk=campaign.pk).update(subject="Another")
    campaign.blocks.update(text="<p>Another</p>")
    letter = html(client.get(address(campaign, "preview/letter")))
    assert "As it went" in letter
    assert "Another" not in letter


def test_looking_needs_the_right_to_look_and_no_more():
    campaign = factories.make_campaign(subject="A secret plan", blocks=[TEXT])
    nosy = User.objects.create_user("nosy", password="x", is_staff=True, email="nosy@example.com")
    browser = desk(nosy)
    for page in ("preview", "preview/letter"):
        answer = browser.get(address(campaign, page))
        assert (page, answer.status_code) == (page, 403)
        assert "A secret plan" not in html(answer)
    nosy.user_permissions.add(Permission.objects.get(codename="view_campaign"))
    assert browser.get(address(campaign, "preview/letter")).status_code == 200
    page = html(browser.get(address(campaign, "preview")))
    assert "Send a test" not in page
    assert address(campaign, "sending") not in page
    # And what stands on its own page is read-only too.
    assert 'name="subject"' not in html(browser.get(address(campaign)))


def test_what_is_not_there_is_404(client):
    for noun in ("preview/", "preview/letter/", "test/"):
        answer = client.post if noun == "test/" else client.get
        assert answer(f"/admin/newsletter/campaign/999999/{noun}").status_code == 404


def test_looking_changes_nothing_and_only_get_looks(client):
    campaign = factories.make_campaign(blocks=[TEXT])
    before = list(Campaign.objects.values())
    client.get(address(campaign, "preview"))
    assert client.post(address(campaign, "preview")).status_code == 405
    assert client.post(address(campaign, "preview/letter")).status_code == 405
    assert client.get(address(campaign, "test")).status_code == 405
    assert list(Campaign.objects.values()) == before
