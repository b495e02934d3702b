"""Install the system's packages that the tests of servers and pages need; Debian and Ubuntu.

PostgreSQL and Chromium are started by tests, and pyeclib, a part of the object store's server,
compiles against liberasurecode. What is there already is left alone.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path


def missing() -> list[str]:
    """Return the names of the packages that are not there."""
    found = {
        "postgresql-15": Path("/usr/lib/postgresql/15/bin/initdb").exists(),
        "liberasurecode-dev": Path("/usr/include/liberasurecode/erasurecode.h").exists(),
        "chromium": shutil.which("chromium") is not None,
    }
    return [package for package, is_there in found.items() if not is_there]


def main() -> None:
    """Install what is missing, or say which packages somebody has to install."""
    wanted = missing()
    if not wanted:
        return
    names = " ".join(wanted)
    if shutil.which("apt-get") is None or os.geteuid() != 0:
        sys.exit(f"make servers: needed, and only root can: sudo apt-get install {names}")
    print(f"[servers] installing {names}", flush=True)
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for command in (["update", "-qq"], ["install", "-y", "-qq", *wanted]):
        subprocess.run(
            ["apt-get", *command], check=True, env=environment, stdout=subprocess.DEVNULL
        )


if __name__ == "__main__":
    main()
