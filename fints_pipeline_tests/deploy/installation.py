"""Folders and environment of an installation of a test's own, and the jobs run in it."""

import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

from fints_pipeline.base.lake import Lake
from fints_pipeline.data.synthetic import make_market


@dataclass(frozen=True)
class Installation:
    """Everything below one folder.

    Attributes:
        root: the folder.
        project: the checkout.
        variables: environment variables beside those of the folders.
        instance: Dagster's instance file, in the project.
    """

    root: Path
    project: Path
    variables: dict[str, str] = field(default_factory=dict)
    instance: str = "dagster.yaml"

    def __post_init__(self) -> None:
        self.root.mkdir(exist_ok=True)

    @property
    def lake(self) -> Lake:
        """Its lake."""
        return Lake(self.root / "lake")

    def digests(self, table: str) -> dict[str, str]:
        """Return the digest of every partition of a table."""
        return {str(key): self.lake.footer(key).digest for key in self.lake.keys(table)}

    def environment(self, home: str = "dagster") -> dict[str, str]:
        """Return the environment of a process whose Dagster home has this name."""
        folder = self.root / home
        folder.mkdir(exist_ok=True)
        config = folder / "dagster.yaml"
        if not config.exists():
            config.symlink_to(self.project / self.instance)
        return {
            **os.environ,
            "DAGSTER_HOME": str(folder),
            "MLFLOW_TRACKING_URI": f"sqlite:///{self.root / 'mlflow.db'}",
            "FINTS_LAKE": str(self.root / "lake"),
            "FINTS_INBOX": str(self.root / "inbox"),
            "FINTS_CONFIGS": str(self.root / "configs"),
            **self.variables,
        }

    def deliver(self, last: str = "2024-08") -> None:
        """Put the synthetic market from July 2024 into the inbox, and a tiny experiment beside."""
        shutil.copytree(self.project / "configs", self.root / "configs")
        tiny = self.project / "fints_pipeline_tests" / "e2e" / "configs"
        shutil.copytree(tiny, self.root / "configs", dirs_exist_ok=True)
        make_market(self.root / "inbox" / "synthetic", 0, "2024-07", last)

    def python(self, *arguments: str, home: str = "dagster") -> subprocess.Popen[str]:
        """Start Python."""
        return subprocess.Popen(
            [sys.executable, *arguments],
            cwd=self.project,
            env=self.environment(home),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def start(self, job: str, **partition: str) -> subprocess.Popen[str]:
        """Start a job as continuous integration does; ``all`` names a partition without parts."""
        tags = {
            f"dagster/partition{'' if name == 'all' else '/' + name}": key
            for name, key in partition.items()
        }
        return self.start_tagged(job, tags)

    def start_tagged(self, job: str, tags: dict[str, str]) -> subprocess.Popen[str]:
        """Start a job with these tags of Dagster's."""
        command = ["-m", "dagster", "job", "execute", "-m", "fints_pipeline.definitions"]
        return self.python(*command, "-j", job, "--tags", json.dumps(tags))

    def execute(self, job: str, **partition: str) -> str:
        """Run a job and return what it said."""
        run = self.start(job, **partition)
        said = run.communicate()[0]
        assert run.returncode == 0, said[-6000:]
        return said
