"""A browser of marketing that writes campaigns, and what its forms send."""

from django.test import Client

from tests import factories

LIST = "/admin/newsletter/campaign/"
FIELDS = {"subject": "Spring news", "preheader": "What is new.", "introduction": "<p>Hello,</p>", "is_public": "on"}


def desk(user=None):
    client = Client()
    client.force_login(user or factories.marketing())
    return client


def address(campaign, noun="change"):
    return f"{LIST}{campaign.pk}/{noun}/"


def form(*blocks, stored=0, **fields):
    """What the form of a campaign sends; the first `stored` blocks carry their `id`."""
    sent = {**FIELDS, "blocks-TOTAL_FORMS": len(blocks), "blocks-INITIAL_FORMS": stored, **fields}
    for number, block in enumerate(blocks):
        for name, value in {"position": number + 1, "kind": "text", **block}.items():
            sent[f"blocks-{number}-{name}"] = value
    return {name: value for name, value in sent.items() if value is not None}


def errors_on(response):
    """What the form says against what was sent: of the campaign, and of each of its blocks."""
    context = response.context
    (blocks,) = context["inline_admin_formsets"]
    return context["adminform"].form.errors, blocks.formset.errors


def said(response):
    return [(message.level_tag, str(message)) for message in response.context["messages"]]
