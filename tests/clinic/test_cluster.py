"""The embedded PostgreSQL survives what happens to it on other people's machines."""

import contextlib
import fcntl
import os
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psycopg2
import pytest

from clinic import cluster

ROOT = Path(__file__).resolve().parent.parent.parent
NOBODY = 65534
only_as_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root, who may become somebody else")

# Uses the cluster until its standard input closes.
USER = """
import sys
from pathlib import Path
from clinic import cluster
with cluster.running(Path(sys.argv[1]), throwaway=True) as url:
    print(url, flush=True)
    sys.stdin.read()
"""
# Modules are imported before the rights are dropped: root's Python may stand where nobody else can read.
AS_NOBODY = (
    f"import os; from clinic import cluster; os.setgroups([]); os.setgid({NOBODY}); os.setuid({NOBODY})\n" + USER
)


@pytest.fixture
def place():
    """A folder with a short path through which root's stand-in may pass; nothing is left running in it."""
    folder = Path(tempfile.mkdtemp(prefix="clinic-cluster-", dir="/tmp"))
    folder.chmod(0o711)
    yield folder
    for data in folder.rglob("data"):
        with contextlib.suppress(cluster.ClusterFailed), cluster.running(data.parent):
            pass
    shutil.rmtree(folder)


@contextlib.contextmanager
def another_process(folder, code=USER):
    """A process that uses the cluster. Yields it, with the URL it was given as `.url`."""
    with subprocess.Popen(
        [sys.executable, "-c", code, folder],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            process.url = process.stdout.readline().strip()
            assert process.url, process.stderr.read()
            yield process
        finally:
            process.kill()


def leave(process):
    process.stdin.close()
    assert process.wait(60) == 0


def ask(url, sql):
    with contextlib.closing(psycopg2.connect(url)) as conn:
        conn.autocommit = True
        cursor = conn.cursor()
        cursor.execute(sql)
        return cursor.fetchall() if cursor.description else None


def is_running(folder):
    """Whether any process of the server is left: they hold this lock, and a killed one cannot."""
    with open(folder / "server.lock") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


def postmaster(folder):
    return int((folder / "data" / "postmaster.pid").read_text().split("\n")[0])


def kill_postmaster(folder):
    os.kill(postmaster(folder), signal.SIGKILL)
    deadline = time.monotonic() + 30
    while is_running(folder):
        assert time.monotonic() < deadline
        time.sleep(0.02)


@contextlib.contextmanager
def stranger(folder):
    """A process of the server's own account that has nothing to do with it, named by the pid files."""
    data = folder / "data"
    with subprocess.Popen(["sleep", "600"], user=data.stat().st_uid) as process:
        try:
            (folder / "socket").mkdir(mode=0o700, exist_ok=True)
            for path in (data / "postmaster.pid", folder / "socket" / ".s.PGSQL.5432.lock"):
                path.write_text(f"{process.pid}\n{data}\n{int(time.time())}\n5432\n{folder}/socket\n\n0 0\nready\n")
                os.chown(path, data.stat().st_uid, data.stat().st_gid)
            yield process
        finally:
            process.kill()


def mode(path):
    return stat.S_IMODE(path.stat().st_mode)


def test_only_its_own_account_reaches_it_and_only_with_the_password(place):
    folder = place / "postgres"
    with cluster.running(folder, throwaway=True) as url:
        assert ask(url, "SHOW listen_addresses") == [("",)]
        assert ask(
            url, "SELECT datlocale, pg_encoding_to_char(encoding) FROM pg_database WHERE datname = 'clinic'"
        ) == [("C.UTF-8", "UTF8")]
        assert {path.name: mode(path) for path in folder.iterdir() if not path.name.endswith(".lock")} == {
            "data": 0o700,
            "socket": 0o700,
            "password": 0o600,
            "log": 0o600,
        }
        password = (folder / "password").read_text()
        with pytest.raises(psycopg2.OperationalError, match="password authentication failed"):
            psycopg2.connect(url.replace(password, "guessed"))


def test_has_the_extensions_that_the_site_uses(place):
    with cluster.running(place / "postgres", throwaway=True) as url:
        for name in ("btree_gist", "pg_trgm", "unaccent", "citext"):
            ask(url, f"CREATE EXTENSION {name}")


def test_logs_no_word_of_a_failed_statement(place):
    folder = place / "postgres"
    with cluster.running(folder, throwaway=True) as url:
        ask(url, "CREATE TABLE patient (name text UNIQUE)")
        ask(url, "INSERT INTO patient VALUES ('Jane Roe')")
        with pytest.raises(psycopg2.IntegrityError):
            ask(url, "INSERT INTO patient VALUES ('Jane Roe')")
    assert "Jane" not in (folder / "log").read_text()


@only_as_root
def test_root_lends_it_an_account_without_rights(place):
    with cluster.running(place / "postgres", throwaway=True) as url:
        server = Path(f"/proc/{postmaster(place / 'postgres')}").stat().st_uid
        assert server == (place / "postgres" / "data").stat().st_uid != 0
        assert ask(url, "SELECT 1") == [(1,)]


@only_as_root
def test_root_opens_closed_parent_folders_by_o_x_alone_and_says_so_once(place):
    closed = place / "closed"
    (closed / "inner").mkdir(parents=True)
    closed.chmod(0o700)
    (closed / "inner").chmod(0o750)
    for said in (f"PostgreSQL does not run as root; chmod o+x for its account: {closed}, {closed}/inner\n", ""):
        with another_process(closed / "inner" / "postgres") as user:
            leave(user)
            assert user.stderr.read() == said
    assert (mode(closed), mode(closed / "inner")) == (0o701, 0o751)


@only_as_root
def test_an_ordinary_user_runs_it_in_a_private_folder(place):
    # As root once, so that the way to the programs is open.
    with cluster.running(place / "postgres", throwaway=True):
        pass
    private = place / "private"
    private.mkdir(mode=0o700)
    os.chown(private, NOBODY, NOBODY)
    with another_process(private / "postgres", AS_NOBODY) as user:
        assert ask(user.url, "SELECT current_user") == [("clinic",)]
        leave(user)
        assert user.stderr.read() == ""
    assert mode(private) == 0o700
    assert (private / "postgres" / "data").stat().st_uid == NOBODY
    assert not is_running(private / "postgres")
    # Root then runs it for its owner.
    with cluster.running(private / "postgres", throwaway=True) as url:
        assert ask(url, "SELECT 1") == [(1,)]
    assert (private / "postgres" / "data").stat().st_uid == NOBODY


@only_as_root
def test_another_users_cluster_is_refused_in_one_line(place):
    with cluster.running(place / "postgres", throwaway=True):
        pass
    # Not nobody, who may be root's stand-in.
    code = AS_NOBODY.replace(str(NOBODY), "54321")
    done = subprocess.run([sys.executable, "-c", code, place / "postgres"], cwd=ROOT, capture_output=True, text=True)
    assert done.stderr.splitlines()[-1] == (
        f"clinic.cluster.ClusterFailed: {place}/postgres/gate.lock belongs to another account: use that one, or root."
    )


def test_a_path_of_150_characters_with_a_space(place):
    folder = place / ("a long name " + "x" * (150 - len(str(place)) - 13))
    assert len(str(folder)) == 150
    with cluster.running(folder, throwaway=True) as url:
        short = (folder / "socket").resolve()
        assert ask(url, "SELECT 1") == [(1,)]
        assert mode(short) == 0o700
        assert short.stat().st_uid == (folder / "data").stat().st_uid
    assert not short.exists()


def test_processes_that_start_at_once_share_one_server_and_the_last_one_stops_it(place):
    folder = place / "postgres"
    with contextlib.ExitStack() as stack:
        commands = [[sys.executable, "-c", USER, folder]] * 4
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
        users = [stack.enter_context(subprocess.Popen(command, cwd=ROOT, **pipes)) for command in commands]
        urls = [user.stdout.readline().strip() for user in users]
        assert len(set(urls)) == 1
        server = postmaster(folder)
        for user in users:
            assert ask(urls[0], "SELECT 1") == [(1,)]
            assert postmaster(folder) == server
            leave(user)
    assert not is_running(folder)
    assert not (folder / "data" / "postmaster.pid").exists()
    with pytest.raises(psycopg2.OperationalError):
        psycopg2.connect(urls[0])


def test_after_kill_9_of_the_starter_the_next_user_takes_over_and_stops_it(place):
    folder = place / "postgres"
    with another_process(folder) as starter:
        starter.kill()
        starter.wait()
    server = postmaster(folder)
    with cluster.running(folder, throwaway=True) as url:
        assert postmaster(folder) == server
        assert ask(url, "SELECT 1") == [(1,)]
    assert not is_running(folder)


@pytest.mark.parametrize("delay", [0.15, 0.3, 0.5, 0.7])
def test_after_kill_9_in_the_middle_of_the_first_start_the_next_one_works(place, delay):
    folder = place / "postgres"
    with subprocess.Popen([sys.executable, "-c", USER, folder], cwd=ROOT, stdout=subprocess.DEVNULL) as starter:
        time.sleep(delay)
        starter.kill()
    with cluster.running(folder, throwaway=True) as url:
        assert ask(url, "SELECT 1") == [(1,)]
    assert not is_running(folder)


def test_after_kill_9_of_the_postmaster_the_next_start_recovers_what_was_committed(place):
    folder = place / "postgres"
    with another_process(folder, USER.replace("throwaway=True", "throwaway=False")) as user:
        ask(user.url, "CREATE TABLE kept AS SELECT 7 AS number")
        kill_postmaster(folder)
        leave(user)
    with cluster.running(folder) as url:
        assert ask(url, "SELECT number FROM kept") == [(7,)]
    assert not is_running(folder)


def test_while_somebody_still_uses_a_killed_server_the_next_user_starts_it_again(place):
    folder = place / "postgres"
    with cluster.running(folder, throwaway=True) as url:
        kill_postmaster(folder)
        with cluster.running(folder, throwaway=True) as again:
            assert again == url
        assert ask(url, "SELECT 1") == [(1,)]
    assert not is_running(folder)


def test_a_stale_pid_file_that_names_a_stranger_stops_no_start_and_kills_nobody(place):
    folder = place / "postgres"
    with cluster.running(folder, throwaway=True):
        pass
    with stranger(folder) as process:
        with cluster.running(folder, throwaway=True) as url:
            assert ask(url, "SELECT 1") == [(1,)]
        assert process.poll() is None
    assert not is_running(folder)


def test_leaving_a_killed_server_whose_pid_has_been_reused_kills_nobody(place):
    folder = place / "postgres"
    with contextlib.ExitStack() as using:
        using.enter_context(cluster.running(folder, throwaway=True))
        kill_postmaster(folder)
        with stranger(folder) as process:
            using.close()
            time.sleep(0.2)
            assert process.poll() is None


def test_a_socket_folder_that_others_may_enter_is_refused(place):
    folder = place / "postgres"
    with cluster.running(folder, throwaway=True):
        (folder / "socket").chmod(0o777)
        refused = pytest.raises(cluster.ClusterFailed, match="not the server's own folder of mode 700")
        with refused, cluster.running(folder, throwaway=True):
            pass
        (folder / "socket").chmod(0o700)
    assert not is_running(folder)


@pytest.mark.parametrize(("variable", "known"), [("DATABASE_URL", False), ("OTHER", True)])
def test_with_a_database_url_manage_py_does_not_know_of_it(place, variable, known):
    shutil.copy2(ROOT / "manage.py", place)
    (place / "clinic").mkdir()
    for name in ("__init__.py", "cluster.py"):
        shutil.copy2(ROOT / "clinic" / name, place / "clinic")
    (place / "clinic" / "settings.py").write_text("")
    code = "import sys, manage; sys.argv = ['', 'version']; manage.main(); print('clinic.cluster' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=place,
        env={"PATH": os.defpath, variable: "postgres://database.example/clinic"},
        capture_output=True,
        text=True,
    )
    assert done.stdout.splitlines()[-1] == str(known), done.stderr
    assert (place / "var" / "postgres" / "data").exists() is known
