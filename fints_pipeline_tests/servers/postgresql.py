"""Debian's PostgreSQL 15 in a folder of its own, as a user without rights when root asks for it."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

from fints_pipeline_tests.servers.ports import free_port

PROGRAMS = Path("/usr/lib/postgresql/15/bin")
USER, PASSWORD = "fints", "kept out of the tests' logs"
_SETTINGS = "-c fsync=off -c shared_buffers=32MB -c max_connections=200"


@dataclass(frozen=True)
class PostgreSQL:
    """A running server.

    Attributes:
        folder: of its Unix socket.
        port: on 127.0.0.1, where the password is asked for, and of the socket's name.
    """

    folder: Path
    port: int

    def database(self) -> str:
        """Return the address of a new, empty database."""
        name = f"fints_{uuid4().hex}"
        self.ask("postgres", f"CREATE DATABASE {name}")
        secret = PASSWORD.replace(" ", "%20").replace("'", "%27")
        return f"postgresql+psycopg2://{USER}:{secret}@127.0.0.1:{self.port}/{name}"

    def ask(self, database: str, query: str) -> str:
        """Return what ``psql`` answers on the socket, values alone."""
        name = database.rpartition("/")[2]
        command = [str(PROGRAMS / "psql"), "-h", str(self.folder), "-p", str(self.port)]
        done = subprocess.run(
            [*command, "-U", USER, "-d", name, "-Atqc", query], capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def start(self) -> None:
        """Start it and wait until it answers."""
        options = f"-p {self.port} -k {self.folder} -c listen_addresses=127.0.0.1 {_SETTINGS}"
        self._control("-l", str(self.folder / "server.log"), "-o", options, "start")

    def stop(self) -> None:
        """End it as a power cut would: sessions are cut off, and the next start recovers."""
        self._control("-m", "immediate", "stop")

    def run(self, *command: str) -> None:
        """Run a command as the server's user."""
        log = self.folder / "commands.log"
        with log.open("ab") as out:  # a pipe would be kept open by the server
            done = subprocess.run(command, cwd=self.folder, user=_user(), stdout=out, stderr=out)
        assert done.returncode == 0, log.read_text()

    def _control(self, *arguments: str) -> None:
        self.run(str(PROGRAMS / "pg_ctl"), "-D", str(self.folder / "data"), "-w", *arguments)


def _user() -> str | None:
    return "postgres" if os.geteuid() == 0 else None  # the server refuses to run as root


@contextmanager
def postgresql() -> Iterator[PostgreSQL]:
    """Yield a fresh server that ends, files and all, with the context."""
    folder = Path(tempfile.mkdtemp(prefix="fints-pg-"))  # a socket's path has to be short
    secret = folder / "secret"
    secret.write_text(PASSWORD)
    if user := _user():
        for path in (folder, secret):
            shutil.chown(path, user)
    server = PostgreSQL(folder, free_port())
    try:
        server.run(
            *(str(PROGRAMS / "initdb"), "-D", str(folder / "data"), "-U", USER),
            *(f"--pwfile={secret}", "--auth-local=trust", "--auth-host=scram-sha-256"),
            *("--no-sync", "-E", "UTF8"),
        )
        server.start()
        try:
            yield server
        finally:
            server.stop()
    finally:
        shutil.rmtree(folder)
