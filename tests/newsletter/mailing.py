"""A mailing on a database of its own, in processes of their own.

python -m tests.newsletter.mailing prepare|judge|settle

`prepare COUNT RATE` starts one. `judge` says in JSON what the ledger knows of each address when the leases are over.
`settle` reads the addresses that have a letter, one a line, decides by them on the uncertain, and sends the others.
"""

import json
import os
import sys

import django


def prepare(count: str, rate: str) -> None:
    from django.core.management import call_command
    from django.utils import timezone

    from tests.newsletter.sending import begun

    call_command("migrate", verbosity=0)
    begun(count=int(count), at=timezone.now(), rate_per_minute=int(rate))


def judge() -> None:
    from django.utils import timezone

    from newsletter.models import Delivery
    from newsletter.services import ledger

    ledger.mark_cut_off(now=timezone.now() + ledger.LEASE)
    print(json.dumps(dict(Delivery.objects.values_list("subscriber__email", "state"))))


def settle() -> None:
    from newsletter.models import Campaign
    from tests.newsletter.killed import settle

    settle(Campaign.objects.get(), set(sys.stdin.read().split()))


if __name__ == "__main__":
    os.environ["DJANGO_SETTINGS_MODULE"] = "clinic.settings"
    django.setup()
    {"prepare": prepare, "judge": judge, "settle": settle}[sys.argv[1]](*sys.argv[2:])
