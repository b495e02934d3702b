"""Resolve pyproject.toml into requirements/lock.txt: every version pinned, every file hashed.

requirements/peers.in, the packages that benchmarks and oracle tests compare with, becomes
requirements/peers.txt in the same way; they have an environment of their own (`make peers`).
So have the servers that tests start, requirements/servers.in. What leaving one machine needs beyond
the lock (the extra `deploy`) becomes requirements/deploy.txt; `make deploy` installs it on top.

torch, and the CUDA packages that its default Linux build brings, are left out: which build to take
is the machine's or the user's choice (requirements/torch.txt pins its version). Run it with
`make lock`, which installs uv for it.
"""

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LOCK = ROOT / "requirements" / "lock.txt"
TORCH_FAMILY = re.compile(r"^(torch|triton|nvidia-[a-z0-9-]+|cuda-[a-z0-9-]+)==")
PEERS = ROOT / "requirements" / "peers.txt"
SERVERS = ROOT / "requirements" / "servers.txt"
DEPLOY = ROOT / "requirements" / "deploy.txt"
HEADER = "# Made by `make lock` from pyproject.toml; do not edit. torch stands in torch.txt.\n"
PEERS_HEADER = "# Made by `make lock` from peers.in; do not edit. torch stands in torch.txt.\n"
SERVERS_HEADER = "# Made by `make lock` from servers.in; do not edit.\n"
DEPLOY_HEADER = "# Made by `make lock` from the extra `deploy`, on top of lock.txt; do not edit.\n"


def resolve(*sources: str) -> str:
    """Return uv's universal resolution of requirement files, or of pyproject.toml with extras."""
    command = [sys.executable, "-m", "uv", "pip", "compile", *sources]
    command += ["--universal", "--python-version", "3.11", "--generate-hashes", "--no-header"]
    command += ["--no-annotate", "--quiet", *sys.argv[1:]]
    return subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout


def blocks(lock: str) -> list[str]:
    """Cut a lock into its requirements, each with its hashes, leaving comments out."""
    lines = [line for line in lock.strip().splitlines() if not line.startswith("#")]
    return re.split(r"\n(?=[A-Za-z0-9])", "\n".join(lines))


def without_torch(lock: str) -> str:
    """Drop the requirement blocks that belong to torch's own choice of build."""
    kept = [block for block in blocks(lock) if not TORCH_FAMILY.match(block)]
    return "\n".join(kept) + "\n"


def beyond(base: str, lock: str) -> str:
    """Return the requirement blocks of ``lock`` that ``base`` does not have."""
    known = set(blocks(base))
    return "\n".join(block for block in blocks(without_torch(lock)) if block not in known) + "\n"


if __name__ == "__main__":
    LOCK.write_text(HEADER + without_torch(resolve("pyproject.toml", "--extra", "dev")))
    PEERS.write_text(PEERS_HEADER + without_torch(resolve("requirements/peers.in")))
    SERVERS.write_text(SERVERS_HEADER + resolve("requirements/servers.in"))
    more = resolve("pyproject.toml", "--extra", "dev", "--extra", "deploy", "-c", str(LOCK))
    DEPLOY.write_text(DEPLOY_HEADER + beyond(LOCK.read_text(), more))
    for path in (LOCK, PEERS, SERVERS, DEPLOY):
        print(f"wrote {path.relative_to(ROOT)}")
