"""Bookings one after the other from a process of its own: python -m tests.appointments.stream prepare|book|judge.

`book` prints the reference of each as soon as it is answered, and ends when the database is away. `judge` reads such
references and prints how many there are, how many appointments stand in the diary, and how many of the first are gone.
"""

import os
import sys
from random import Random

import django


def prepare() -> None:
    from django.core.management import call_command

    from tests.appointments.race import make_house

    call_command("migrate", verbosity=0)
    make_house(people=10)


def stream() -> None:
    from django.db import InterfaceError, OperationalError

    from appointments.models import VisitType
    from appointments.services import diary
    from tests.appointments.race import LOST, NINE, NOW, House, book, details, hold

    chance = Random(os.getpid())
    visit = VisitType.objects.get()
    hours = list(House(None, [], visit).hours())
    while True:
        number, hour = chance.randrange(10**9), chance.choice([hour for hour in hours if hour >= NINE])
        try:
            if number % 2:
                booked = book(visit, hour, number)
            else:
                held = hold(visit, hour)
                booked = diary.confirm_hold(appointment=held.pk, details=details(number), now=NOW)
            print(booked.reference, flush=True)
        except LOST:
            continue
        except (OperationalError, InterfaceError):
            return


def judge() -> None:
    from tests.appointments.race import assert_diary_is_sound, standing

    assert_diary_is_sound()
    told = set(sys.stdin.read().split())
    kept = set(standing().filter(status="confirmed").values_list("reference", flat=True))
    print(len(told), len(kept), len(told - kept))


if __name__ == "__main__":
    os.environ["DJANGO_SETTINGS_MODULE"] = "clinic.settings"
    django.setup()
    {"prepare": prepare, "book": stream, "judge": judge}[sys.argv[1]]()
