from django.utils import timezone
from django_tasks import task

from clinic import images
from clinic.models import Image


@task()
def render_image(image_id: int) -> None:
    """Makes a new picture's renditions at once; the worker's own search finds it if this is lost."""
    image = Image.objects.waiting().filter(pk=image_id).first()
    if image is not None:
        images.render(image, now=timezone.now())
