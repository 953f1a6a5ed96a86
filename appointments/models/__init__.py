from appointments.models.appointment import BLOCKING, STEPS, Allocation, Appointment, Change, Status, StepRefused
from appointments.models.booking_rules import BookingRules, Reminder
from appointments.models.note import Note
from appointments.models.patient import Patient
from appointments.models.preferred_time import PreferredTime
from appointments.models.request import AppointmentRequest, StatusRefused
from appointments.models.resource import HoursException, Resource, ResourceHours
from appointments.models.status_change import StatusChange
from appointments.models.visit_type import Course, Need, Phase, VisitType

__all__ = [
    "BLOCKING",
    "STEPS",
    "Allocation",
    "Appointment",
    "AppointmentRequest",
    "BookingRules",
    "Change",
    "Course",
    "HoursException",
    "Need",
    "Note",
    "Patient",
    "Phase",
    "PreferredTime",
    "Reminder",
    "Resource",
    "ResourceHours",
    "Status",
    "StatusChange",
    "StatusRefused",
    "StepRefused",
    "VisitType",
]
