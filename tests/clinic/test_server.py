"""What script/server runs: it starts everything, stops everything, and comes back after being killed."""

import contextlib
import os
import random
import re
import shutil
import signal
import socket
import stat
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from tests.fonts import fonts

ROOT = Path(__file__).resolve().parent.parent.parent
PARTS = ("clinic", "articles", "appointments", "newsletter", "templates", "static", "locale", "script", "manage.py")
PATIENCE = 90  # seconds, on a machine that is busy with other tests

pytestmark = pytest.mark.skipif(not Path("/proc/self/cwd").exists(), reason="looks for processes in /proc")


@pytest.fixture(scope="module")
def site():
    """A copy of the project, with a `var` of its own."""
    folder = Path(tempfile.mkdtemp(prefix="clinic-server-", dir="/tmp"))
    folder.chmod(0o711)
    for part in PARTS:
        if (ROOT / part).is_dir():
            shutil.copytree(ROOT / part, folder / part, ignore=shutil.ignore_patterns("__pycache__", ".*"))
        elif (ROOT / part).exists():
            shutil.copy2(ROOT / part, folder / part)
    shutil.copytree(fonts(), folder / "var" / "fonts")
    yield folder
    for pid in processes(folder):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    shutil.rmtree(folder)


@pytest.fixture
def port():
    """A free one below those that systems give away by themselves, so that nobody is given it meanwhile."""
    while True:
        port = random.randrange(20_000, 32_000)
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port


def environment(port, **more):
    return {"PATH": os.environ["PATH"], "DEMO": "0", "PORT": str(port), "WEB_WORKERS": "1"} | more


@contextlib.contextmanager
def serving(site, port, **more):
    """The running command, after it has said that it is ready; its `.greeting` is what it printed."""
    with subprocess.Popen(
        [sys.executable, "manage.py", "serve"],
        cwd=site,
        env=environment(port, **more),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # As a shell starts it: Ctrl-C would reach the whole group.
        start_new_session=True,
    ) as server:
        try:
            server.greeting = [server.stdout.readline() for _ in range(3)]
            assert server.greeting[0], server.stderr.read()
            yield server
        finally:
            server.kill()


def processes(site):
    """The command lines, by pid, of all processes that work in the site's folder: also the children of killed ones."""
    found = {}
    for entry in Path("/proc").iterdir():
        with contextlib.suppress(OSError):
            if entry.name.isdigit() and entry.joinpath("cwd").resolve().is_relative_to(site):
                found[int(entry.name)] = entry.joinpath("cmdline").read_text().replace("\0", " ")
    return found


def wait_for(condition):
    until = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < until
        time.sleep(0.1)


def wait_for_the_killed(site):
    """Its children notice by themselves that it is gone. PostgreSQL goes on, for the next one to join."""
    wait_for(lambda: all("postgres" in command for command in processes(site).values()))


def get(port, path):
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(f"http://127.0.0.1:{port}{path}", timeout=60) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def the(site, words):
    """The pid of the oldest process with these words in its command line."""
    return min(pid for pid, command in processes(site).items() if words in command)


def test_says_where_everything_is_and_sigterm_stops_all_of_it(site, port):
    with serving(site, port) as server:
        password = (site / "var" / "admin_password").read_text()
        assert server.greeting == [
            f"Ready: http://127.0.0.1:{port}/\n",
            f"Admin: http://127.0.0.1:{port}/admin/  user: admin  password: {password}\n",
            f"Letters leave nowhere; read them at http://127.0.0.1:{port}/admin/clinic/letter/\n",
        ]
        assert stat.S_IMODE((site / "var" / "admin_password").stat().st_mode) == 0o600
        assert get(port, "/healthz") == (200, "ok")
        wait_for(lambda: get(port, "/readyz") == (200, "ok"))
        # The static files are collected: the page names a hashed stylesheet, which is there.
        sheet = re.search(r"/static/css/site\.[0-9a-f]{12}\.css", get(port, "/admin/login/")[1] + get(port, "/")[1])
        assert get(port, sheet[0])[0] == 200
        server.terminate()
        assert server.wait(PATIENCE) == 0
        # Asked before the worker's first sign of life, /readyz says no, and Django logs that.
        assert [line for line in server.stderr if not line.endswith("Service Unavailable: /readyz\n")] == []
    assert processes(site) == {}


def test_ctrl_c_stops_all_of_it(site, port):
    with serving(site, port) as server:
        os.killpg(server.pid, signal.SIGINT)
        assert server.wait(PATIENCE) == 0
        assert server.stderr.read() == ""
    assert processes(site) == {}


def test_commands_work_beside_it_and_leave_it_running(site, port):
    with serving(site, port) as server:
        command = [sys.executable, "manage.py", "shell", "--no-imports", "-c"]
        code = "from clinic.models import User; print(User.objects.get().username)"
        done = subprocess.run([*command, code], cwd=site, env=environment(port), capture_output=True, text=True)
        assert (done.stdout, done.stderr) == ("admin\n", "")
        assert get(port, "/readyz") == (200, "ok")
        server.terminate()
        assert server.wait(PATIENCE) == 0
    done = subprocess.run([*command, code], cwd=site, env=environment(port), capture_output=True, text=True)
    assert (done.stdout, done.stderr) == ("admin\n", "")
    assert processes(site) == {}


def test_a_taken_port_is_said_in_one_line(site, port):
    with socket.socket() as taken:
        # The connections of the tests before this one may still be closing.
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        taken.bind(("127.0.0.1", port))
        taken.listen()
        command = [sys.executable, "manage.py", "serve"]
        done = subprocess.run(command, cwd=site, env=environment(port), capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (
        1,
        "",
        f"CommandError: Port {port} on 127.0.0.1 is taken: "
        f"stop who listens there, or try PORT={port + 1} script/server\n",
    )
    assert processes(site) == {}


def test_a_malformed_setting_is_named_in_one_line(site, port):
    command = [sys.executable, "manage.py", "serve"]
    variables = environment(port, WEB_WORKERS="many")
    done = subprocess.run(command, cwd=site, env=variables, capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (
        1,
        "",
        "WEB_WORKERS must be a whole number from 1 to 64, not 'many'.\n",
    )
    assert processes(site) == {}


def test_a_step_that_fails_is_named_in_one_line(site, port):
    stamp = site / "var" / "static.stamp"
    stamp.unlink(missing_ok=True)
    stamp.mkdir(parents=True)
    try:
        command = [sys.executable, "manage.py", "serve"]
        done = subprocess.run(command, cwd=site, env=environment(port), capture_output=True, text=True)
    finally:
        stamp.rmdir()
    assert done.returncode == 1
    assert re.fullmatch(r"CommandError: Collecting the static files failed: .*\n", done.stderr)
    assert processes(site) == {}


def test_after_sigkill_its_children_end_and_the_next_start_recovers(site, port):
    with serving(site, port) as server:
        server.kill()
        server.wait()
    wait_for_the_killed(site)
    assert processes(site)
    with serving(site, port) as server:
        assert get(port, "/healthz") == (200, "ok")
        server.terminate()
        assert server.wait(PATIENCE) == 0
    assert processes(site) == {}


def test_when_everything_is_killed_at_once_the_next_start_recovers(site, port):
    with serving(site, port) as server:
        for pid in processes(site):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        server.wait()
    wait_for_the_killed(site)
    with serving(site, port) as server:
        wait_for(lambda: get(port, "/readyz") == (200, "ok"))
        server.terminate()
        assert server.wait(PATIENCE) == 0
    assert processes(site) == {}


def test_a_worker_that_dies_is_started_again(site, port):
    with serving(site, port) as server:
        worker = the(site, "manage.py worker")
        os.kill(worker, signal.SIGKILL)
        assert server.stderr.readline() == "The worker ended (SIGKILL); it is started again in 1 s.\n"
        wait_for(lambda: any(pid != worker and "manage.py worker" in c for pid, c in processes(site).items()))
        server.terminate()
        assert server.wait(PATIENCE) == 0
    assert processes(site) == {}


def test_when_the_web_server_dies_it_says_so_and_ends(site, port):
    with serving(site, port) as server:
        os.kill(the(site, "granian"), signal.SIGKILL)
        assert server.wait(PATIENCE) == 1
        assert server.stderr.read() == "CommandError: The web server ended (SIGKILL).\n"
    assert processes(site) == {}


def test_a_password_of_ones_own_is_used_and_a_changed_one_is_kept_secret(site, port):
    with serving(site, port, DEMO_ADMIN_PASSWORD="an own password") as server:
        assert server.greeting[1].endswith("user: admin  password: an own password\n")
    wait_for_the_killed(site)
    with serving(site, port) as server:
        assert server.greeting[1].endswith("user: admin  password: (the one that you chose)\n")
        server.terminate()
        assert server.wait(PATIENCE) == 0
    assert processes(site) == {}


def test_without_python_the_script_says_what_it_needs(site, port):
    tools = site / "tools"
    tools.mkdir()
    for name in ("bash", "dirname", "env"):
        (tools / name).symlink_to(shutil.which(name))
    done = subprocess.run(
        [site / "script" / "server"], cwd="/", env={"PATH": str(tools)}, capture_output=True, text=True
    )
    assert (done.returncode, done.stderr) == (
        1,
        f"{site}/script/server: Python 3.11 or newer is needed, and none was found.\n",
    )
