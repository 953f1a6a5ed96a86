from appointments.models.note import Note
from appointments.models.preferred_time import PreferredTime
from appointments.models.request import AppointmentRequest, StatusRefused
from appointments.models.status_change import StatusChange

__all__ = ["AppointmentRequest", "Note", "PreferredTime", "StatusChange", "StatusRefused"]
