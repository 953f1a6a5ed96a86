from django.utils import timezone
from django_tasks import task

from newsletter.services import own_links


@task()
def send_own_link(subscribers: list[int]) -> None:
    """“Send me my link”, away from the request; an empty list for an address that gets no letter, or none today.

    If it is lost, the reader asks again.
    """
    own_links.send(subscribers=subscribers, now=timezone.now())
