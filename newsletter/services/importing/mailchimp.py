"""Mailchimp's audience export: a zip with subscribed_, unsubscribed_, cleaned_ and nonsubscribed_ files, or one.

Its tags are left out: they are the practice's own labels of people, some of them about treatments, and not what the
people chose. A column that somebody has renamed to “topics” is read.
"""

from newsletter.services.importing.formats import Cells, Format, State

# In the languages in which Mailchimp names its first fields.
COLUMNS = {
    "email address": "email",
    "email": "email",
    "e-mail": "email",
    "e-mail address": "email",
    "e-mail-adresse": "email",
    "adresse e-mail": "email",
    "correo electrónico": "email",
    "dirección de correo electrónico": "email",
    "first name": "first_name",
    "fname": "first_name",
    "vorname": "first_name",
    "prénom": "first_name",
    "nombre": "first_name",
    "last name": "last_name",
    "lname": "last_name",
    "nachname": "last_name",
    "nom": "last_name",
    "apellidos": "last_name",
    "language": "language",
    "topics": "topics",
    "optin time": "optin_time",
    "optin ip": "optin_ip",
    "confirm time": "confirm_time",
    "confirm ip": "confirm_ip",
    "unsub time": "unsub_time",
    "unsub reason": "unsub_reason",
    "unsub reason other": "unsub_reason_other",
    "clean time": "clean_time",
}
EVIDENCE = ("optin_time", "optin_ip", "confirm_time", "confirm_ip")
COMPLAINTS = ("abuse", "complain")


def _neutral(cells: Cells) -> Cells:
    def cell(*names: str) -> str:
        """The first of these cells that says something."""
        return next((found for name in names if (found := cells.get(name, "").strip())), "")

    said = [f"{name.upper()} {found}" for name in EVIDENCE if (found := cell(name))]
    return {
        "email": cell("email"),
        "name": f"{cell('first_name')} {cell('last_name')}",
        "language": cell("language"),
        "topics": cell("topics"),
        "status": _status(cell("unsub_time"), cell("clean_time"), cell("unsub_reason", "unsub_reason_other")),
        "consent_at": cell("confirm_time", "optin_time"),
        "consent_how": ", ".join(said),
        "consent_network_address": cell("confirm_ip", "optin_ip"),
        "left_at": cell("unsub_time", "clean_time"),
    }


def _status(left: str, cleaned: str, reason: str) -> str:
    """What the row itself says, or nothing: then it is as its file."""
    if any(word in reason.lower() for word in COMPLAINTS):
        return State.COMPLAINED
    if left:
        return State.UNSUBSCRIBED
    return State.BOUNCED if cleaned else ""


MAILCHIMP = Format(
    columns=COLUMNS,
    neutral=_neutral,
    # Whoever left in one file is not brought in by another.
    files={
        "cleaned_": State.BOUNCED,
        "unsubscribed_": State.UNSUBSCRIBED,
        "nonsubscribed_": State.PENDING,
        "subscribed_": State.CONFIRMED,
    },
    telling={"unsub_time": State.UNSUBSCRIBED, "clean_time": State.BOUNCED},
)
