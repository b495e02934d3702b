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


@contextmanager
def postgresql() -> Iterator[PostgreSQL]:
    """Yield a fresh server that ends, files and all, with the context."""
    user = "postgres" if os.geteuid() == 0 else None  # the server refuses to run as root
    folder = Path(tempfile.mkdtemp(prefix="fints-pg-"))  # a socket's path has to be short
    data = folder / "data"
    secret = folder / "secret"
    secret.write_text(PASSWORD)
    if user:
        for path in (folder, secret):
            shutil.chown(path, user)

    def run(*command: str) -> None:
        log = folder / "commands.log"
        with log.open("ab") as out:  # a pipe would be kept open by the server
            done = subprocess.run(command, cwd=folder, user=user, stdout=out, stderr=out)
        assert done.returncode == 0, log.read_text()

    control = [str(PROGRAMS / "pg_ctl"), "-D", str(data), "-w"]
    server = PostgreSQL(folder, free_port())
    try:
        run(
            *(str(PROGRAMS / "initdb"), "-D", str(data), "-U", USER, f"--pwfile={secret}"),
            *("--auth-local=trust", "--auth-host=scram-sha-256", "--no-sync", "-E", "UTF8"),
        )
        options = f"-p {server.port} -k {folder} -c listen_addresses=127.0.0.1 {_SETTINGS}"
        run(*control, "-l", str(folder / "server.log"), "-o", options, "start")
        try:
            yield server
        finally:
            run(*control, "-m", "immediate", "stop")
    finally:
        shutil.rmtree(folder)
