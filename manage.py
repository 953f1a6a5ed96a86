#!/usr/bin/env python
"""Django's commands. Without a DATABASE_URL they start, or join, the PostgreSQL in var/postgres."""

import os
import signal
import sys
from pathlib import Path


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "clinic.settings")
    from django.core.management import execute_from_command_line

    if os.environ.get("DATABASE_URL") or os.environ.get("EMBEDDED_DATABASE_URL"):
        execute_from_command_line(sys.argv)
        return

    # Only here: with a DATABASE_URL nothing needs to know that this module exists.
    from clinic import cluster

    # A plain SIGTERM would end Python without leaving the cluster.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    try:
        with cluster.running(Path(__file__).resolve().parent / "var" / "postgres") as url:
            os.environ["EMBEDDED_DATABASE_URL"] = url
            execute_from_command_line(sys.argv)
    except cluster.ClusterFailed as failure:
        sys.exit(str(failure))


if __name__ == "__main__":
    main()
