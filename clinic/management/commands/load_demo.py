"""manage.py load_demo"""

from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from clinic.demo.loading import DemoRefused, load


class Command(BaseCommand):
    help = (
        "Loads an invented practice, Alder & Rowe, to look at and try things on: locations, people, treatments with "
        "prices, offers, testimonials, policies, articles, pictures, films, and a diary with patients. It takes some "
        "ten seconds. Only an empty database is accepted: one that holds rows of a real practice is refused and stays "
        "as it is. Where the demo is loaded already, nothing changes. `manage.py remove_demo` takes it out again."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            made = load(now=timezone.now())
        except DemoRefused as refusal:
            raise CommandError(str(refusal)) from refusal
        if options["verbosity"] < 1:
            return
        if not made:
            self.stdout.write("The demo is here already. Nothing was changed.")
            return
        self.stdout.write("Loaded the demo practice: " + ", ".join(f"{count} {name}" for name, count in made.items()))
