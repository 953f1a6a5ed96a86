"""A process that has the site ready and begins a worker by a fork, in a moment instead of seconds.

Which are real processes in the environment of a production, to be killed. On its standard input it is told in JSON, a
line each: `{"port", "var"}` begins one, by the port of its mail server and its folder, and `{"ended": pid}` asks for
the exit code of one. It answers with a line each: the number of the process; the code, or null while that runs.
"""

import json
import os
import sys
from datetime import timedelta
from pathlib import Path

import django
from django.conf import settings


def begin(port, var):
    pid = os.fork()
    if pid:
        return pid
    code = 1
    try:
        # What it says must not be taken for an answer.
        with open(os.devnull, "r+b") as nowhere:
            os.dup2(nowhere.fileno(), 0)
            os.dup2(nowhere.fileno(), 1)
        settings.EMAIL_PORT, settings.VAR = port, Path(var)
        # Who is held for a while must not find that its turn is over.
        worker.LONGEST_MAILING = mailer.SLICE = timedelta(minutes=2)
        worker.Worker().run()
        code = 0
    finally:
        os._exit(code)


def exit_code(pid):
    found, status = os.waitpid(pid, os.WNOHANG)
    return os.waitstatus_to_exitcode(status) if found else None


if __name__ == "__main__":
    django.setup()
    from clinic import worker
    from newsletter.services.sending import mailer

    for line in sys.stdin:
        told = json.loads(line)
        print(json.dumps(exit_code(told["ended"]) if "ended" in told else begin(**told)), flush=True)
