from appointments.availability.plan import NotBookable, Person, Place, Plan
from appointments.availability.reading import load_plan
from appointments.availability.timetable import Audience, FreeTime, Timetable, timetable

__all__ = ["Audience", "FreeTime", "NotBookable", "Person", "Place", "Plan", "Timetable", "load_plan", "timetable"]
