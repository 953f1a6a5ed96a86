"""Two people write one campaign: who saves second is told so, and neither loses what they wrote."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.contenttypes.models import ContentType
from django.core.exceptions import NON_FIELD_ERRORS

from clinic.models import User
from newsletter.forms.campaign import OVERTAKEN
from newsletter.models import Campaign

# From the click to the change.
STEP_TAKES = timedelta(minutes=1)


@dataclass(frozen=True)
class Overtaken:
    """What the page says above a form that came too late: who was faster and when, where that is known."""

    by: User | None
    at: datetime | None
    # As it is stored, not as it was typed.
    is_scheduled: bool


def overtaken(context: dict[str, Any]) -> Overtaken | None:
    """Of the context of a change form. A block that is gone, with its article or by a colleague, counts as well."""
    form = context["adminform"].form
    if not (form.is_bound and form.instance.pk):
        return None
    formsets = [inline.formset for inline in context["inline_admin_formsets"]]
    is_gone = any(one.has_error("id") for formset in formsets for one in formset.initial_forms)
    if not (is_gone or form.has_error(NON_FIELD_ERRORS, OVERTAKEN)):
        return None
    for formset in formsets:
        formset.stays_as_typed()
    campaign = Campaign.objects.defer("content").get(pk=form.instance.pk)
    by, at = (None, None) if form.data.get("seen") == campaign.version else _last_change(campaign)
    return Overtaken(by, at, campaign.state == Campaign.State.SCHEDULED)


def _last_change(campaign: Campaign) -> tuple[User, datetime] | tuple[None, None]:
    """Who made the version that is stored: by saving its form, or by a step."""
    changes = LogEntry.objects.filter(
        content_type=ContentType.objects.get_for_model(Campaign), object_id=str(campaign.pk), action_flag=CHANGE
    )
    # What a form has changed is logged as a list; a test letter, which changes nothing, in words.
    saved = changes.filter(action_time__gte=campaign.changed_at, change_message__startswith="[")
    if entry := saved.select_related("user").order_by("action_time").first():
        return entry.user, entry.action_time
    step = campaign.steps.select_related("by").order_by("-at", "-pk").first()
    if step is None or step.by is None or campaign.changed_at - step.at > STEP_TAKES:
        return None, None
    return step.by, step.at
