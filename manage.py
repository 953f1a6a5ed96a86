#!/usr/bin/env python
"""Django's commands. Without a DATABASE_URL they start, or join, the PostgreSQL in VAR_FOLDER, which is var/."""

import os
import signal
import sys
from importlib import import_module
from pathlib import Path

from django.core.exceptions import ImproperlyConfigured
from django.core.management import execute_from_command_line


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "clinic.settings")
    if os.environ.get("DATABASE_URL") or os.environ.get("EMBEDDED_DATABASE_URL"):
        run_command()
        return

    # Only here: with a DATABASE_URL nothing needs to know that this module exists.
    from clinic import cluster

    # A plain SIGTERM would end Python without leaving the cluster.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    try:
        var = os.environ.get("VAR_FOLDER") or Path(__file__).resolve().parent / "var"
        with cluster.running(Path(var) / "postgres") as url:
            os.environ["EMBEDDED_DATABASE_URL"] = url
            run_command()
    except cluster.ClusterFailed as failure:
        sys.exit(str(failure))


def run_command() -> None:
    try:
        import_module(os.environ["DJANGO_SETTINGS_MODULE"])
    except ImproperlyConfigured as error:
        # One line that names the variable, instead of Django's thirty.
        sys.exit(str(error))
    execute_from_command_line(sys.argv)


if __name__ == "__main__":
    main()
