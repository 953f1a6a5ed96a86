from typing import Any

from django.contrib import admin
from django.http import HttpRequest

from appointments.models import Appointment


def desk_page(request: HttpRequest) -> dict[str, Any]:
    """What every page of the diary at the desk needs; without the list of tables, because the work needs the room."""
    return {**admin.site.each_context(request), "opts": Appointment._meta, "is_nav_sidebar_enabled": False}
