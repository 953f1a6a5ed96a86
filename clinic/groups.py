"""What each group of staff may do. A manager is a superuser."""

from django.contrib.auth.models import Group, Permission
from django.db.models import Q

GROUPS: dict[str, dict[str, list[str]]] = {
    "Front desk": {
        "appointments.appointmentrequest": ["view", "add", "change"],
        "appointments.note": ["view", "add"],
        "appointments.appointment": ["view", "add", "change", "see_whole_diary"],
        "appointments.patient": ["view", "add", "change"],
        "appointments.resource": ["view"],
        "appointments.resourcehours": ["view"],
        "appointments.hoursexception": ["view", "add", "change", "delete"],
        "appointments.visittype": ["view"],
        "newsletter.subscriber": ["view", "take_off"],
        "clinic.letter": ["view", "resend"],
        "clinic.closure": ["view", "add", "change", "delete"],
        "clinic.location": ["view"],
        "clinic.openinghours": ["view"],
        "clinic.provider": ["view"],
        "clinic.treatment": ["view"],
    },
    # A person who treats patients: their own appointments, by the account on the page of the provider.
    "Provider": {
        "appointments.appointment": ["view"],
    },
    "Editor": {
        "articles.article": ["view", "add", "change", "delete", "publish"],
        "clinic.image": ["view", "add", "change", "delete"],
        "clinic.provider": ["view", "change"],
        "clinic.treatment": ["view", "add", "change"],
        "clinic.treatmentcategory": ["view", "change"],
        "clinic.testimonial": ["view", "add", "change", "delete"],
        "clinic.policy": ["view", "change"],
    },
    "Marketing": {
        "articles.article": ["view"],
        "clinic.image": ["view", "add", "change"],
        "clinic.offer": ["view", "add", "change", "delete"],
        "clinic.testimonial": ["view", "add", "change"],
        "clinic.treatment": ["view"],  # to name it in a testimonial or an offer
        "newsletter.subscriber": ["view", "take_off"],
        "newsletter.suppression": ["view"],
        "newsletter.topic": ["view", "add", "change"],
        "newsletter.mailingrules": ["view", "add", "change"],
        "newsletter.campaign": ["view", "add", "change", "delete", "send", "settle_delivery"],
        "newsletter.block": ["view", "add", "change", "delete"],
        "newsletter.delivery": ["view"],
        "newsletter.listimport": ["view", "add", "change", "export_list"],
    },
}


def make_groups() -> None:
    """Gives each group the permissions above that it lacks; what a manager added or a new group stays."""
    for name, models in GROUPS.items():
        group, _made = Group.objects.get_or_create(name=name)
        wanted = Q()
        for label, verbs in models.items():
            app, model = label.split(".")
            # One of our own may be a whole phrase, like `see_whole_diary`.
            names = [*verbs, *(f"{verb}_{model}" for verb in verbs)]
            wanted |= Q(content_type__app_label=app, content_type__model=model, codename__in=names)
        group.permissions.add(*Permission.objects.filter(wanted))
