from django.utils import timezone
from django_tasks import task

from appointments.services import find_booking


@task()
def send_links(email: str) -> None:
    """“Send my link again”, away from the request: how long the answer takes tells nobody whose address is known.

    If it is lost, the patient asks again.
    """
    find_booking.send_links(email=email, now=timezone.now())
