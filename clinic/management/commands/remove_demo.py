"""manage.py remove_demo"""

from typing import Any

from django.core.management.base import BaseCommand

from clinic.demo.removal import remove


class Command(BaseCommand):
    help = (
        "Removes what `manage.py load_demo` made, and nothing else: its rows, also those that were edited since, their "
        "files, and letters about its appointments. What people have added stays: requests, subscribers, other "
        "letters, and content of their own. A demo row that such a row uses is kept, and named; once nothing uses it, "
        "run this again."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        result = remove()
        if not result.removed and not result.kept:
            self.stdout.write("There is no demo here. Nothing was changed.")
            return
        if result.removed:
            removed = ", ".join(f"{count} {name}" for name, count in result.removed.items())
            self.stdout.write(f"Removed the demo practice: {removed}")
        for line in result.kept:
            self.stdout.write(f"Kept {line}")
        if result.kept:
            self.stdout.write("Kept rows are still on the site: change them, or take them off in the admin.")
