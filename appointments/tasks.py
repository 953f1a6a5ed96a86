from django.utils import timezone
from django_tasks import task

from appointments.services import find_booking


@task()
def send_links(appointments: list[int]) -> None:
    """“Send my link again”, away from the request; an empty list for somebody whom nobody knows.

    If it is lost, the patient asks again.
    """
    find_booking.send_links(appointments=appointments, now=timezone.now())
