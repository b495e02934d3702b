"""Where a project keeps its lake, its inbox and its configs."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from fints_pipeline.base.errors import ConfigError, KeyNotFoundError, nearest
from fints_pipeline.base.lake import Lake
from fints_pipeline.base.lake.store import BUCKET_SCHEME


def lake_location(text: str) -> Path | str:
    """Return a lake's address: a path, or the text of a bucket's, whose slashes are its own."""
    return text if text.startswith(BUCKET_SCHEME) else Path(text)


@dataclass(frozen=True)
class Locations:
    """Folders of one project.

    Attributes:
        lake_root: Tables and bundles (``FINTS_LAKE``, default ``data_lake``): a folder, or
            ``s3://bucket/prefix``.
        inbox: Where archives are dropped (``FINTS_INBOX``, default ``data_lake/inbox``); always a
            folder.
        configs: YAML files (``FINTS_CONFIGS``, default ``configs``).
    """

    lake_root: Path | str
    inbox: Path
    configs: Path

    @classmethod
    def from_environment(cls) -> Locations:
        """Return the folders that the environment names, or the defaults below the work folder.

        Raises:
            ConfigError: the inbox is said to be in a bucket.
        """
        lake_root = lake_location(os.environ.get("FINTS_LAKE", "data_lake"))
        beside = lake_root / "inbox" if isinstance(lake_root, Path) else "inbox"
        inbox = os.environ.get("FINTS_INBOX", beside)
        if str(inbox).startswith(BUCKET_SCHEME):
            raise ConfigError(
                "the inbox is a folder, not a bucket",
                where=f"FINTS_INBOX={inbox}",
                fix="name a folder of this machine, or unset it: it is `inbox` then",
            )
        return cls(lake_root, Path(inbox), Path(os.environ.get("FINTS_CONFIGS", "configs")))

    @property
    def lake(self) -> Lake:
        """The project's lake."""
        return Lake(self.lake_root)

    def dataset_configs(self) -> list[Path]:
        """Return the YAML file of every configured dataset, sorted."""
        return sorted((self.configs / "data").glob("*.yaml"))

    def dataset_config(self, instrument: str) -> Path:
        """Return the YAML file of the dataset that ``instrument`` (``dataset.SYMBOL``) belongs to.

        Raises:
            KeyNotFoundError: there is none.
        """
        return self._config("data", instrument.partition(".")[0], "dataset")

    def exogenous_configs(self) -> list[Path]:
        """Return the YAML file of every configured exogenous series, sorted."""
        return sorted((self.configs / "exogenous").glob("*.yaml"))

    def exogenous_config(self, name: str) -> Path:
        """Return the YAML file of an exogenous series."""
        return self._config("exogenous", name, "exogenous series")

    def news_configs(self) -> list[Path]:
        """Return the YAML file of every configured source of news, sorted."""
        return sorted((self.configs / "news").glob("*.yaml"))

    def news_config(self, name: str) -> Path:
        """Return the YAML file of a source of news."""
        return self._config("news", name, "source of news")

    def tokenize_config(self, name: str) -> Path:
        """Return a tokenizer's YAML file."""
        return self._config("tokenize", name, "tokenizer config")

    def train_config(self, experiment: str) -> Path:
        """Return an experiment's YAML file."""
        return self._config("train", experiment, "experiment")

    def has_backtest(self, experiment: str) -> bool:
        """Return whether an experiment is traded: ready configs of single networks are not."""
        return (self.configs / "backtest" / f"{experiment}.yaml").is_file()

    def backtest_config(self, experiment: str) -> Path:
        """Return the YAML file of an experiment's backtest."""
        return self._config("backtest", experiment, "backtest")

    def has_explain(self, experiment: str) -> bool:
        """Return whether an experiment's models are explained."""
        return (self.configs / "explain" / f"{experiment}.yaml").is_file()

    def explain_config(self, experiment: str) -> Path:
        """Return the YAML file of an experiment's explanations."""
        return self._config("explain", experiment, "explanation")

    def _config(self, folder: str, name: str, noun: str) -> Path:
        path = self.configs / folder / f"{name}.yaml"
        if not path.is_file():
            known = [other.stem for other in path.parent.glob("*.yaml")]
            raise KeyNotFoundError(
                f"no {noun} {name!r}",
                where=str(path),
                fix=nearest(name, known) or "write that file",
            )
        return path
