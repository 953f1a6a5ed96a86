"""Who sees which appointments at the desk. Everything there that reads one asks here."""

from django.contrib.auth.models import AnonymousUser
from django.http import Http404

from appointments.models import Appointment
from appointments.models.appointment import AppointmentQuerySet
from clinic.models import User

Person = User | AnonymousUser


def sees_all(user: Person) -> bool:
    return user.has_perm("appointments.see_whole_diary")


def may_take_steps(user: Person) -> bool:
    return user.has_perm("appointments.change_appointment")


def may_book(user: Person) -> bool:
    """Booking looks through all patients, so it is not for those who see only their own."""
    return sees_all(user) and user.has_perm("appointments.add_appointment")


def visible_to(user: Person) -> AppointmentQuerySet:
    """The whole diary, or a provider's own; for an account that is neither, nothing."""
    if sees_all(user):
        return Appointment.objects.known()
    return (
        Appointment.objects.known().of_provider_account(user) if isinstance(user, User) else Appointment.objects.none()
    )


def appointment_for(user: Person, pk: int) -> Appointment:
    """Answers 404 for one that there is not and one that is not theirs alike."""
    found = visible_to(user).for_lists().filter(pk=pk).first()
    if found is None:
        raise Http404
    return found
