"""What a person does, step by step, through the site's own addresses."""

import re
from urllib.parse import urlsplit

from django.utils import timezone

from clinic import letters
from clinic.models import Letter
from newsletter.emails.content import content_of
from newsletter.models import Delivery
from newsletter.services import tokens
from tests.factories import make_campaign

SIGN_UP = "/newsletter/"
ADA = "ada@example.com"


def sign_up(client, email=ADA, **fields):
    return client.post(SIGN_UP, {"email": email, **fields.pop("fields", {})}, **fields)


def last_letter(email=ADA):
    return Letter.objects.filter(to=email).latest("created_at", "pk")


def path_in(letter, word, now=None):
    """The path behind the link to `confirm` or `unsubscribe` in this letter; mints its token as sending does."""
    body = letters.with_links(letter, now=now or timezone.now())
    (address,) = re.findall(rf"^\S+/newsletter/{word}/\S+$", body, flags=re.MULTILINE)
    return urlsplit(address).path


def confirm(client, email=ADA):
    return client.post(path_in(last_letter(email), "confirm"))


def join(client, email=ADA):
    """Signs up and confirms; returns the path to leave, from the first letter."""
    sign_up(client, email)
    leave = path_in(last_letter(email), "unsubscribe")
    confirm(client, email)
    return leave


def sent_newsletter(subscriber, **fields):
    """A delivery of a campaign under way to this person, and the token in its links."""
    campaign = fields.pop("campaign", None) or started_campaign()
    token = tokens.token_for(campaign.code, subscriber.email)
    fields = {"state": "accepted", "token_hash": tokens.hashed(token), **fields}
    return Delivery.objects.create(campaign=campaign, subscriber=subscriber, **fields), token


def started_campaign(blocks=(), **fields):
    """One that is being sent, with its content frozen; `started_at` is now unless it is given."""
    now = fields.setdefault("started_at", timezone.now())
    campaign = make_campaign(blocks=blocks, **fields)
    campaign.state, campaign.recipients = "sending", 1
    campaign.content = content_of(campaign, now=now)
    campaign.save()
    return campaign
