from typing import Any

from django.core.management.base import BaseCommand

from clinic.worker import Worker


class Command(BaseCommand):
    help = (
        "Sends the letters that are due, makes the renditions of new pictures and runs background tasks, until it "
        "gets SIGTERM or Ctrl-C; it ends the job in hand first. Several may run at once. script/server starts one."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        Worker().run()
