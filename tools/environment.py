"""Make the virtual environment from the lock: `make venv` runs it with the system's Python.

Order: the locked packages with every hash demanded, then torch (the one build that is the
machine's choice, see torch_source), then this project, then a check that all of it fits together.
Standard library only, since nothing is installed yet.
"""

from __future__ import annotations  # an older Python has to come as far as the message in main()

import json
import os
import platform
import shutil
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LOCK = ROOT / "requirements" / "lock.txt"
TORCH = ROOT / "requirements" / "torch.txt"
TORCH_CPU_INDEX = "https://download.pytorch.org/whl/cpu"


def fail(message: str) -> None:
    """End with a message in place of a traceback."""
    raise SystemExit("make venv: " + message)


def say(message: str) -> None:
    """Print a progress line at once, also into a pipe."""
    print("[venv] " + message, flush=True)


class Environment:
    """One virtual environment folder and the pip inside it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.python = folder / "bin" / "python"

    def create(self) -> None:
        """Make the folder with the Python that runs this script, keeping one that works."""
        if self.python.exists() and self.run("-m", "pip", "--version").returncode == 0:
            return
        made = subprocess.run([sys.executable, "-m", "venv", "--clear", str(self.folder)])
        if made.returncode:
            fail(
                f"{sys.executable} cannot make environments; on Debian and Ubuntu install "
                "python3-venv, or name another one: make venv PYTHON=/path/to/python3.11"
            )

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run the environment's Python quietly and hand back what it printed."""
        command = [str(self.python), *arguments]
        return subprocess.run(command, cwd=ROOT, capture_output=True, text=True)

    def install(self, what: str, *arguments: str) -> None:
        """Run pip install, print how long it took, and show pip's words only if it failed."""
        say(what)
        started = time.monotonic()
        pip = ["-m", "pip", "install", "--quiet", "--no-input", "--disable-pip-version-check"]
        done = self.run(*pip, *arguments)
        if done.returncode:
            fail(f"pip failed at: {what}\n{done.stdout}{done.stderr}")
        say(f"  done in {time.monotonic() - started:.0f} s")


def torch_source(environment: Environment) -> list[str]:
    """Return the pip arguments that say where torch comes from.

    TORCH_INDEX_URL, when set, decides. Otherwise pip's own sources do, except on Linux without an
    NVIDIA driver: there PyPI's wheel would bring gigabytes of CUDA libraries for nothing. pip is
    asked which wheel it would take; unless that is a local file or a CPU build already, PyTorch's
    index of CPU builds is added.
    """
    index = os.environ.get("TORCH_INDEX_URL")
    if index:
        return ["--extra-index-url", index]
    if platform.system() != "Linux" or shutil.which("nvidia-smi"):
        return []
    plan = ["--dry-run", "--ignore-installed", "--no-deps", "--report", "-", "-r", str(TORCH)]
    asked = environment.run("-m", "pip", "install", "--quiet", "--no-input", *plan)
    if asked.returncode == 0:
        wheel = json.loads(asked.stdout)["install"][0]
        is_local = wheel["download_info"]["url"].startswith("file:")
        if is_local or wheel["metadata"]["version"].endswith("+cpu"):
            return []
    return ["--extra-index-url", TORCH_CPU_INDEX]


def main(folder: Path) -> None:
    """Make or bring up to date the environment in `folder`."""
    if sys.version_info < (3, 11):  # noqa: UP036  the user's Python, not the project's
        found = platform.python_version()
        fail(
            f"Python 3.11 or newer is needed, {sys.executable} is {found}; "
            "name one: make venv PYTHON=/path/to/python3.11"
        )
    environment = Environment(folder)
    say(f"environment in {folder.name}/ with Python {platform.python_version()}")
    environment.create()
    environment.install(
        "1/3 the locked packages (about 1 GB on disk, some minutes)",
        *["--require-hashes", "--no-deps", "-r", str(LOCK)],
    )
    source = torch_source(environment)
    environment.install(
        "2/3 torch" + (f" from {source[-1]}" if source else ""), *source, "-r", str(TORCH)
    )
    environment.install("3/3 this project", "--no-deps", "--no-build-isolation", "-e", str(ROOT))
    check = environment.run("-m", "pip", "check")
    if check.returncode:
        fail("the installed packages do not fit together\n" + check.stdout)
    say("ready")


if __name__ == "__main__":
    main(Path(sys.argv[1]).absolute())
