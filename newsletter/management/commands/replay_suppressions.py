"""manage.py replay_suppressions"""

from typing import Any

from django.core.management.base import BaseCommand
from django.utils import timezone

from newsletter import suppression_journal
from newsletter.services import journal


class Command(BaseCommand):
    help = (
        "After a restore of the database: takes everyone off the list who has left, bounced or complained since the "
        "backup was made, as suppressions.log in the folder VAR_FOLDER remembers. The worker does the same at each "
        "start. It adds what is missing, removes nothing, and may be run any number of times."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        if not suppression_journal.path().exists():
            self.stdout.write(f"There is no {suppression_journal.path()}: it is begun from the database.")
        done = journal.replay(now=timezone.now())
        self.stdout.write(f"Added to the database: {done.added}; taken off the list: {done.taken_off}.")
        self.stdout.write(f"Added to the file: {done.written}.")
