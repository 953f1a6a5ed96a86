"""What a mailing's report says of the diary."""

from collections.abc import Sequence

from appointments.models import Appointment, AppointmentRequest
from clinic.came_from import counted


@counted("requests")
def requests(codes: Sequence[str]) -> dict[str, int]:
    return AppointmentRequest.objects.number_by_code(codes)


@counted("bookings")
def bookings(codes: Sequence[str]) -> dict[str, int]:
    """Of all that somebody booked, whatever became of it; a booking for a request counts beside the request."""
    return Appointment.objects.known().number_by_code(codes)
