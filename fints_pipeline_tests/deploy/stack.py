"""The services of compose.yaml as processes of this machine, by what that file itself says.

Commands, environments, mounts, healthchecks and their order are the file's; the image's variables
are the Dockerfile's. What a machine without containers cannot have is translated wherever it is
named: a service's name with its port becomes a free port of 127.0.0.1, a folder of the image
becomes one below the test's.
"""

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from fints_pipeline_tests.servers.postgresql import PROGRAMS

_ATTEMPT_SECONDS = 60.0
_STOP_SECONDS = 60.0
_VARIABLE = re.compile(r"\$\{(\w+)(?::([?-])([^}]*))?\}")


def interpolated(text: str, variables: dict[str, str]) -> str:
    """Put variables into a file: ``${NAME}``, ``${NAME:-default}``, ``${NAME:?message}``."""

    def value(found: re.Match[str]) -> str:
        name, kind, rest = found.groups()
        if variables.get(name):
            return variables[name]
        assert kind == "-", f"{name}: {rest or 'not set'}"
        return str(rest)

    return _VARIABLE.sub(value, text)


def image_variables(dockerfile: str) -> dict[str, str]:
    """Return what the Dockerfile's ENV instructions set."""
    joined = dockerfile.replace("\\\n", " ")
    lines = re.findall(r"^ENV (.*)$", joined, re.MULTILINE)
    return dict(re.findall(r"(\w+)=(\S+)", " ".join(lines)))


@dataclass
class Stack:
    """Compose's services, each in a process group of its own.

    Attributes:
        root: folder for everything that is written.
        project: the checkout.
        variables: what the shell of ``docker compose`` would have exported.
    """

    root: Path
    project: Path
    variables: dict[str, str]
    processes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._folder = self.project / "configs" / "deploy"
        text = interpolated((self._folder / "compose.yaml").read_text(), self.variables)
        self.services: dict[str, Any] = yaml.safe_load(text)["services"]
        self._image = image_variables((self.project / "Dockerfile").read_text())
        names = "|".join(self.services)
        said = json.dumps(self.services)
        ports = set(re.findall(rf"(?:\b(?:{names}|127\.0\.0\.1):|--port=)(\d+)\b", said))
        self._ports = dict(zip(sorted(ports), _free_ports(len(ports)), strict=True))
        numbers = "|".join(self._ports)
        self._named = re.compile(
            rf"\b(?P<service>{names}):(?P<its>{numbers})\b|(?P<all>\b0\.0\.0\.0\b)"
            rf"|(?<!\w)/(?P<folder>data|app|tmp|var/lib/postgresql/data)(?=/|\W|$)"
            rf"|(?<![\d.])(?P<port>{numbers})(?![\d.])"
        )

    def port(self, number: int) -> int:
        """Return the port of 127.0.0.1 that stands for one of the file's."""
        return self._ports[str(number)]

    def translated(self, text: str, service: str) -> str:
        """Return a text with this machine's addresses and folders in it."""

        def value(found: re.Match[str]) -> str:
            if found["all"]:
                return "127.0.0.1"
            if found["folder"]:
                return str(self.folder(found["folder"], service))
            port = self._ports[found["its"] or found["port"]]
            return f"127.0.0.1:{port}" if found["service"] else str(port)

        return self._named.sub(value, text)

    def folder(self, name: str, service: str) -> Path:
        """Return the folder that stands for one of the image's: `/data` is all services' own."""
        shared = name == "data"
        return self.root / name if shared else self.root / service / name.replace("/", "-")

    def environment(self, service: str) -> dict[str, str]:
        """Return a service's variables; of this process's none but those that find programs."""
        says = self.services[service]
        ours = {} if service == "postgres" else self._image
        given = {**ours, **says.get("environment", {})}
        programs = [str(Path(sys.executable).parent), str(PROGRAMS), os.environ["PATH"]]
        return {
            "PATH": os.pathsep.join(programs),
            "PYTHONPATH": str(self.project),
            "LANG": "C.UTF-8",
            "PGHOST": str(self.root),
            "PGPORT": str(self._ports["5432"]),
            **{name: self.translated(value, service) for name, value in given.items()},
        }

    def start_all(self) -> None:
        """Start every service when what it depends on is healthy, and wait until all are."""
        while waiting := [name for name in self.services if name not in self.processes]:
            ready = [
                name
                for name in waiting
                if set(self.services[name].get("depends_on", {})) <= set(self.processes)
            ]
            assert ready, f"{waiting} wait for each other"
            for name in ready:
                self.mount(name)
                self.start(name)
            for name in ready:
                self.await_health(name)

    def mount(self, service: str) -> None:
        """Put a service's mounted files and folders into their places, addresses translated."""
        for name in ("data", "app", "tmp"):
            self.folder(name, service).mkdir(parents=True, exist_ok=True)
        (self.root / "data" / "dagster").mkdir(exist_ok=True)
        for volume in self.services[service].get("volumes", []):
            source, target, *_ = volume.split(":")
            if not source.startswith("."):
                continue
            place = Path(self.translated(target, service))
            if (self._folder / source).is_dir():
                shutil.copytree(self._folder / source, place, dirs_exist_ok=True)
            elif not place.is_relative_to("/docker-entrypoint-initdb.d"):
                place.write_text(self._addressed((self._folder / source).read_text(), service))

    def _addressed(self, text: str, service: str) -> str:
        """Translate a mounted file, in which hosts stand apart from their ports."""
        hosts = "|".join(self.services)
        return re.sub(rf"\bhost: (?:{hosts})\b", "host: 127.0.0.1", self.translated(text, service))

    def start(self, service: str) -> None:
        """Start a service's command."""
        if service == "postgres":
            self.processes[service] = self._database()
            return
        command = [self.translated(word, service) for word in self.services[service]["command"]]
        self.processes[service] = self._popen(command, service)

    def _popen(self, command: list[str], service: str, **more: Any) -> subprocess.Popen[bytes]:
        with self.log_file(service).open("ab") as log:
            return subprocess.Popen(
                command,
                cwd=more.pop("cwd", self.folder("app", service)),
                env=self.environment(service),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                **more,
            )

    def _database(self) -> subprocess.Popen[bytes]:
        """Do what the official image does at its first start, then serve."""
        says = self.services["postgres"]["environment"]
        user = "postgres" if os.geteuid() == 0 else None  # the server refuses to run as root
        data = self.folder("var/lib/postgresql/data", "postgres")
        secret = self.root / "secret"
        secret.write_text(says["POSTGRES_PASSWORD"])
        for path in (self.root, data.parent, secret):
            if user:
                shutil.chown(path, user)
        options = f"-p {self._ports['5432']} -k {self.root} -c listen_addresses=127.0.0.1"
        options += " -c fsync=off -c shared_buffers=32MB -c max_connections=200"
        control = [str(PROGRAMS / "pg_ctl"), "-D", str(data), "-w", "-o", options]
        psql = [str(PROGRAMS / "psql"), "-v", "ON_ERROR_STOP=1", "-U", says["POSTGRES_USER"]]
        first = [str(PROGRAMS / "initdb"), "-D", str(data), "-U", says["POSTGRES_USER"]]
        first += [f"--pwfile={secret}", "--auth-local=trust", "--auth-host=scram-sha-256"]
        steps = [[*first, "--no-sync", "-E", "UTF8"], [*control, "start"]]
        steps += [[*psql, "-d", "postgres", "-c", f"CREATE DATABASE {says['POSTGRES_DB']}"]]
        scripts = [self._folder / one for one in self._initial_scripts()]
        steps += [[*psql, "-d", says["POSTGRES_DB"], "-f", str(one)] for one in scripts]
        for step in [*steps, [*control, "-m", "fast", "stop"]]:
            done = self._popen(step, "postgres", cwd=self.root, user=user)
            assert done.wait() == 0, self.log("postgres")
        server = [str(PROGRAMS / "postgres"), "-D", str(data), *options.split()]
        return self._popen(server, "postgres", cwd=self.root, user=user)

    def _initial_scripts(self) -> list[str]:
        mounted = [one.split(":") for one in self.services["postgres"]["volumes"]]
        found = [
            (target, source)
            for source, target, *_ in mounted
            if target.startswith("/docker-entrypoint-initdb.d/")
        ]
        return [source for _, source in sorted(found)]

    def await_health(self, service: str) -> None:
        """Repeat a service's healthcheck until it passes, for longer than the file says.

        A container's clock starts on a machine of its own, a test's on one that other tests share.
        """
        deadline = time.monotonic() + 300
        while not self.is_healthy(service):
            assert self.processes[service].poll() is None, self.log(service)
            assert time.monotonic() < deadline, f"{service} is not healthy: {self.log(service)}"
            time.sleep(1)

    def is_healthy(self, service: str) -> bool:
        """Return whether a service's healthcheck passes."""
        kind, *command = self.services[service]["healthcheck"]["test"]
        assert kind == "CMD", service
        words = [self.translated(word, service) for word in command]
        check = self._popen(words, service)
        try:
            return check.wait(_ATTEMPT_SECONDS) == 0
        except subprocess.TimeoutExpired:
            os.killpg(check.pid, signal.SIGKILL)
            check.wait()
            return False

    def kill(self, service: str) -> None:
        """kill −9 everything that a service runs, as the end of its container does."""
        process = self.processes[service]
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()

    def stop_all(self) -> None:
        """End the services politely, the last one first, and whatever is left of them by force."""
        for process in reversed(self.processes.values()):
            process.terminate()
            try:
                process.wait(_STOP_SECONDS)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()

    def log_file(self, service: str) -> Path:
        """Return the file of a service's output."""
        return self.root / f"{service}.log"

    def log(self, service: str, most: int = 6000) -> str:
        """Return the end of a service's output."""
        return self.log_file(service).read_text(errors="replace")[-most:]


def _free_ports(count: int) -> list[int]:
    held = [socket.socket() for _ in range(count)]
    try:
        for one in held:
            one.bind(("127.0.0.1", 0))
        return [int(one.getsockname()[1]) for one in held]
    finally:
        for one in held:
            one.close()
