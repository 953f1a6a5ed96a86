"""manage.py replay_suppressions"""

from typing import Any

from django.core.management.base import BaseCommand
from django.utils import timezone

from newsletter import suppression_journal
from newsletter.services import restored


class Command(BaseCommand):
    help = (
        "After a restore of the database: takes everyone off the list who has left, bounced or complained since the "
        "backup was made, as suppressions.log in the folder VAR_FOLDER remembers, and stops all mailings until a "
        "person has looked what was sent since. It may be run any number of times. A worker does the same when it "
        "begins and finds that the database is older than the files beside it."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        if not suppression_journal.path().exists():
            self.stdout.write(f"There is no {suppression_journal.path()}: it is begun from the database.")
        now = timezone.now()
        done = restored.look_back(now=now)
        restored.stop(now=now)
        self.stdout.write(f"Added to the database: {done.added}; taken off the list: {done.taken_off}.")
        self.stdout.write(f"Added to the file: {done.written}.")
