"""An offer or article that a campaign shows does not disappear from it without a word."""

from datetime import timedelta

import pytest
from bs4 import BeautifulSoup
from django.db.models import ProtectedError
from django.utils import timezone

from clinic.models import Offer
from newsletter.models import Campaign
from newsletter.services import campaigns
from tests import factories
from tests.newsletter.mailings import started
from tests.newsletter.writing import desk

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("practice")]
OFFERS = "/admin/clinic/offer/"


@pytest.fixture
def peel():
    return factories.make_offer(title="Peel", ends_at=timezone.now() + timedelta(days=30))


def showing(offer, **fields):
    return factories.make_campaign(blocks=[{"kind": "offer", "offer": offer}], **fields)


def words(response):
    content = BeautifulSoup(response.content, "html.parser").find(id="content")
    found = [content.find("p").get_text(" ", strip=True)]
    return found + [(item.get_text(" ", strip=True), item.a["href"]) for item in content.find_all("li")]


@pytest.mark.parametrize("is_scheduled", [False, True])
def test_what_has_not_started_keeps_its_offer_and_says_so(peel, is_scheduled):
    factories.make_subscriber()
    campaign = showing(peel, subject="Spring news")
    if is_scheduled:
        later = timezone.now() + timedelta(days=1)
        campaigns.schedule(campaign, at=later, by=factories.manager(), now=timezone.now())
    mary = desk()
    told = [("Campaign: Spring news", f"/admin/newsletter/campaign/{campaign.pk}/change/")]

    one = mary.post(f"{OFFERS}{peel.pk}/delete/", {"post": "yes"})
    assert words(one) == [
        "“Peel” cannot be deleted, because these show or need it. Take it out of them first:",
        *told,
    ]
    chosen = {"action": "delete_selected", "_selected_action": [peel.pk], "post": "yes"}
    several = mary.post(OFFERS, chosen)
    assert words(several) == [
        "Nothing was deleted, because these show or need what was chosen. Take it out of them first:",
        *told,
    ]
    assert list(Offer.objects.all()) == [peel]
    assert campaign.blocks.count() == 1


def test_nor_does_an_article_by_whatever_way():
    article = factories.make_article()
    campaign = factories.make_campaign(blocks=[{"kind": "article", "article": article}])
    with pytest.raises(ProtectedError) as refused:
        article.delete()
    assert refused.value.protected_objects == {campaign}
    campaign.blocks.all().delete()
    article.delete()


def test_what_has_started_is_frozen_and_lets_its_offer_go(peel):
    campaign = started("queued", blocks=[{"kind": "offer", "offer": peel}])
    frozen = campaign.content
    assert desk().post(f"{OFFERS}{peel.pk}/delete/", {"post": "yes"}).status_code == 302
    campaign.refresh_from_db()
    assert (Offer.objects.count(), campaign.blocks.count(), campaign.content) == (0, 0, frozen)


def test_a_campaign_that_was_cancelled_keeps_nothing(peel):
    showing(peel, state=Campaign.State.CANCELLED)
    assert desk().post(f"{OFFERS}{peel.pk}/delete/", {"post": "yes"}).status_code == 302
    assert not Offer.objects.exists()
