from appointments.admin import (
    appointment,
    came_from,
    closure,
    diary_panels,
    hours_exception,
    panels,
    patient,
    request,
    resource,
    rules,
    setup_panel,
    visit_type,
)

__all__ = [
    "appointment",
    "came_from",
    "closure",
    "diary_panels",
    "hours_exception",
    "panels",
    "patient",
    "request",
    "resource",
    "rules",
    "setup_panel",
    "visit_type",
]
