"""What a result may depend on beside data and config, as tags."""

from __future__ import annotations

import subprocess
from pathlib import Path

from fints_pipeline.base.digest import file_sha256
from fints_pipeline.training.config import ExperimentConfig

PROJECT = Path(__file__).resolve().parents[2]


def environment_tags(experiment: ExperimentConfig) -> dict[str, str]:
    """Return lock hash, git commit, threads, CPU capability, torch version and seed."""
    import torch

    tags = {
        "seed": str(experiment.seed),
        "threads": str(experiment.hardware.threads),
        "cpu_capability": torch.backends.cpu.get_cpu_capability(),
        "torch_version": str(torch.__version__),
        **_git_tags(),
    }
    lock = PROJECT / "requirements" / "lock.txt"
    if lock.is_file():
        tags["lock_sha256"] = file_sha256(lock)
    return tags


def _git_tags() -> dict[str, str]:
    commit = _git("rev-parse", "HEAD")
    if commit is None:
        return {}
    return {"git_commit": commit, "git_dirty": str(bool(_git("status", "--porcelain")))}


def _git(*arguments: str) -> str | None:
    """Return git's answer, or None where there is no git or no repository."""
    try:
        answer = subprocess.run(
            ["git", "-C", str(PROJECT), *arguments], capture_output=True, text=True, timeout=10
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return answer.stdout.strip() if answer.returncode == 0 else None
