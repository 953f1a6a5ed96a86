"""What a visitor does, step by step, through the site's own addresses."""

import html
import re
from datetime import timedelta

from django.utils import timezone

from appointments import consent
from appointments.stamps import Stamp

FORM = "/appointments/request/"
ADA = "ada@example.com"


def stamp(*, age=timedelta(minutes=1), version=consent.VERSION):
    """What a page that was opened that long ago carries."""
    return Stamp.new(now=timezone.now() - age, consent_version=version).sealed()


def filled_in(**fields):
    return {
        "name": "Ada Byron",
        "email": ADA,
        "phone": "(704) 555-0142",
        "consent": "on",
        "stamp": stamp(),
        **fields,
    }


def send(client, *, network="192.0.2.1", without=(), **fields):
    sent = {name: value for name, value in filled_in(**fields).items() if name not in without}
    return client.post(FORM, sent, REMOTE_ADDR=network)


def words(response):
    """The page as text, one space between words."""
    text = re.sub(r"<[^>]+>", " ", response.content.decode())
    return " ".join(html.unescape(text).split())


def summary(response):
    """The error summary: (message, the field that its link leads to) in the order of the page."""
    found = re.search(r'class="error-summary".*?</ul>', response.content.decode(), re.DOTALL)
    if found is None:
        return []
    items = re.findall(r"<li>(?:<a href=\"#([^\"]+)\">)?([^<]+)", found[0])
    return [(html.unescape(message), target) for target, message in items]


def hidden_stamp(response):
    return html.unescape(re.search(r'name="stamp" value="([^"]+)"', response.content.decode())[1])


def chosen(response, name):
    """The value of the selected option of a list, "" when none is selected."""
    select = re.search(rf'<select name="{name}".*?</select>', response.content.decode(), re.DOTALL)[0]
    found = re.search(r'<option value="([^"]*)" selected', select)
    return found[1] if found else ""
