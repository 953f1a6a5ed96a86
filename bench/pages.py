"""Requests a second for each kind of page, as a fraction of a constant Django view on the same web server.

Two servers stand side by side, and the rounds go A B A B; the median of the rounds counts.
"""

import os
import secrets
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path

from clinic import cluster

PAGES = ["/", "/treatments/", "/articles/", "/articles/can-botulinum-toxin-help-acne/", "/appointments/request/"]
CLIENTS = 8
SECONDS = 2.0
ROUNDS = 5


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def process(*arguments: str, **environment: str) -> Iterator[None]:
    inherited = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    running = subprocess.Popen([sys.executable, *arguments], env=inherited | environment, stdout=subprocess.DEVNULL)
    try:
        yield
    finally:
        running.terminate()
        running.wait(60)


def answer(connection: socket.socket, request: bytes) -> int:
    """Sends one request and reads its whole answer; returns the number of bytes of the body."""
    connection.sendall(request)
    received = b""
    while b"\r\n\r\n" not in received:
        received += connection.recv(65536)
    head, _, body = received.partition(b"\r\n\r\n")
    assert b" 200 " in head.split(b"\r\n")[0], head.decode()
    length = next(int(line[15:]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:"))
    while len(body) < length:
        body += connection.recv(65536)
    return length


def client(port: int, path: str) -> int:
    """Asks for one page over and over on one connection; returns how often it was answered."""
    request = f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n\r\n".encode()
    count, until = 0, time.monotonic() + SECONDS
    with socket.create_connection(("127.0.0.1", port)) as connection:
        while time.monotonic() < until:
            answer(connection, request)
            count += 1
    return count


def rate(port: int, path: str) -> float:
    with ThreadPoolExecutor(CLIENTS) as clients:
        return sum(clients.map(client, [port] * CLIENTS, [path] * CLIENTS)) / SECONDS


def wait_for(port: int, path: str) -> int:
    until = time.monotonic() + 120
    while True:
        try:
            with socket.create_connection(("127.0.0.1", port)) as connection:
                return answer(connection, f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n\r\n".encode())
        except OSError:
            if time.monotonic() > until:
                raise
            time.sleep(0.2)


def main() -> None:
    site, constant = free_port(), free_port()
    with ExitStack() as running:
        folder = Path(running.enter_context(tempfile.TemporaryDirectory(prefix="clinic-bench-")))
        folder.chmod(0o711)
        url = running.enter_context(cluster.running(folder / "postgres", throwaway=True))
        running.enter_context(
            process(
                *("manage.py", "serve"),
                EMBEDDED_DATABASE_URL=url,
                SECRET_KEY=secrets.token_urlsafe(48),
                VAR_FOLDER=str(folder / "var"),
                PORT=str(site),
                DEMO="1",
                WEB_WORKERS="1",
            )
        )
        running.enter_context(
            process(
                *("-m", "granian", "--interface", "wsgi", "--host", "127.0.0.1", "--port", str(constant)),
                *("--workers", "1", "--blocking-threads", "8", "--no-access-log", "bench.constant:application"),
            )
        )
        wait_for(constant, "/")
        print(f"{CLIENTS} clients, 1 web worker, {ROUNDS} rounds of {SECONDS:.0f} s each, medians\n")
        print(f"{'page':<45}{'KB':>7}{'a second':>10}{'of a constant view':>20}")
        for path in PAGES:
            size = wait_for(site, path)
            rounds = [(rate(site, path), rate(constant, "/")) for _round in range(ROUNDS)]
            ours = statistics.median(one for one, _other in rounds)
            ratio = statistics.median(one / other for one, other in rounds)
            print(f"{path:<45}{size / 1024:>7.1f}{ours:>10.0f}{ratio:>20.3f}", flush=True)


if __name__ == "__main__":
    main()
