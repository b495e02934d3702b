"""OpenStack Swift with its S3 API, on one machine with one copy of everything."""

import os
import signal
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from fints_pipeline_tests.servers.ports import free_port

ACCESS_KEY, SECRET_KEY = "test:tester", "testing"
GUEST_KEY, GUEST_SECRET = "test:guest", "guesting"
"""Of one who may do nothing in the others' buckets."""
_PATIENCE = 60.0

_SWIFT = """
[swift-hash]
swift_hash_path_suffix = tests
swift_hash_path_prefix = tests
[storage-policy:0]
name = default
default = yes
"""
_STORAGE = """
[DEFAULT]
bind_ip = 127.0.0.1
bind_port = {port}
devices = {home}/devices
mount_check = false
swift_dir = {home}/etc
user = {user}
workers = 0
log_statsd_host =
[pipeline:main]
pipeline = {kind}-server
[app:{kind}-server]
use = egg:swift#{kind}
"""
_PROXY = """
[DEFAULT]
bind_ip = 127.0.0.1
bind_port = {port}
swift_dir = {home}/etc
user = {user}
workers = 0
[pipeline:main]
pipeline = catch_errors listing_formats s3api tempauth bulk slo proxy-server
[app:proxy-server]
use = egg:swift#proxy
account_autocreate = true
[filter:catch_errors]
use = egg:swift#catch_errors
[filter:listing_formats]
use = egg:swift#listing_formats
[filter:s3api]
use = egg:swift#s3api
allow_multipart_uploads = true
location = us-east-1
[filter:tempauth]
use = egg:swift#tempauth
user_test_tester = testing .admin
user_test_guest = guesting
[filter:bulk]
use = egg:swift#bulk
[filter:slo]
use = egg:swift#slo
"""


@contextmanager
def object_store(home: Path, programs: Path) -> Iterator[str]:
    """Run the servers and yield the S3 endpoint.

    Args:
        home: An empty folder on a file system with extended attributes.
        programs: Where Swift's programs are (the ``bin`` of their environment).
    """
    (home / "etc").mkdir(parents=True)
    (home / "devices" / "d1").mkdir(parents=True)
    (home / "etc" / "swift.conf").write_text(_SWIFT)
    ports = {kind: free_port() for kind in ("account", "container", "object", "proxy")}
    environment = {**os.environ, "SWIFT_CONF_FILE": str(home / "etc" / "swift.conf")}
    for kind in ("account", "container", "object"):
        _make_ring(home / "etc" / f"{kind}.builder", ports[kind], programs)
    servers = [
        _start(kind, _STORAGE if kind != "proxy" else _PROXY, home, port, programs, environment)
        for kind, port in ports.items()
    ]
    endpoint = f"http://127.0.0.1:{ports['proxy']}"
    try:
        _wait_for(endpoint, servers, home)
        yield endpoint
    finally:
        for server in servers:
            os.killpg(server.pid, signal.SIGKILL)
            server.wait()


def _make_ring(builder: Path, port: int, programs: Path) -> None:
    program = str(programs / "swift-ring-builder")
    for arguments in (
        ["create", "4", "1", "0"],
        ["add", f"r1z1-127.0.0.1:{port}/d1", "1"],
        ["rebalance"],
    ):
        done = subprocess.run([program, str(builder), *arguments], capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr


def _start(
    kind: str, template: str, home: Path, port: int, programs: Path, environment: dict[str, str]
) -> subprocess.Popen[bytes]:
    user = "root" if os.geteuid() == 0 else os.environ.get("USER", "root")
    config = home / "etc" / f"{kind}-server.conf"
    config.write_text(template.format(port=port, home=home, user=user, kind=kind))
    with (home / f"{kind}.log").open("wb") as log:
        command = [str(programs / f"swift-{kind}-server"), str(config), "--verbose"]
        return subprocess.Popen(
            command, env=environment, stdout=log, stderr=log, start_new_session=True
        )


def _wait_for(endpoint: str, servers: list[subprocess.Popen[bytes]], home: Path) -> None:
    deadline = time.monotonic() + _PATIENCE
    while True:
        try:
            urllib.request.urlopen(f"{endpoint}/info", timeout=5)
            return
        except urllib.error.HTTPError:
            return
        except OSError:
            ended = any(server.poll() is not None for server in servers)
            if ended or time.monotonic() > deadline:
                logs = "\n".join(p.read_text(errors="replace")[-2000:] for p in home.glob("*.log"))
                raise TimeoutError(f"the object store did not start:\n{logs}") from None
            time.sleep(0.2)
