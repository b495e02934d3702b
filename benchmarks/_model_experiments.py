"""The experiments behind the table of models: the ready configs' networks, a market's folds."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from fints_pipeline.backtest import load_backtest
from fints_pipeline.base.config import read_yaml
from fints_pipeline.evaluation.config import BacktestConfig
from fints_pipeline.training.config import ExperimentConfig, load_experiment

MARKETS = ("btcusdt_5m", "eurusd_5m")
EVERY_FOLD: dict[str, tuple[str, ...] | None] = {
    "naive": None,
    "lightgbm": None,
    "dlinear": None,
    "patchtst": None,
    "itransformer": None,
    "time_series_transformer": None,
    "tft": None,
    "brooks": ("mlm", "direction", "fields"),
    "fusion": ("fields", "patch_tower", "fusion_forecast", "fusion_direction"),
}
"""Ready configs under configs/train/, and which of their models; None takes all."""
FIRST_FOLD: dict[str, tuple[str, ...] | None] = {
    "brooks": (
        "fields", "direction_fields", "volatility", "regime", "tagger", "tagger_crf",
        "volatility_tagger_crf",
    ),
    "fusion": ("patch_tower", "fusion_causal"),
}  # fmt: skip


@dataclass(frozen=True)
class Part:
    """Some models on one market.

    Attributes:
        market: a ready config, whose data, folds, seed and backtest count.
        kind: "models" or "variants".
        sources: ready configs and their models.
        folds: how many, from the first.
    """

    market: str
    kind: str
    sources: dict[str, tuple[str, ...] | None]
    folds: int

    @property
    def name(self) -> str:
        """The experiment's."""
        return f"{self.kind}_{self.market}"


def parts(folds: int) -> list[Part]:
    """Return what is trained, in order: every model on all folds, then the variants on one."""
    return [
        *(Part(market, "models", EVERY_FOLD, folds) for market in MARKETS),
        *(Part(market, "variants", FIRST_FOLD, 1) for market in MARKETS),
    ]


def write_configs(project: Path, folder: Path, folds: int) -> None:
    """Write the experiments' YAML beside copies of the project's other configs.

    Args:
        project: its configs.
        folder: where to; replaced.
        folds: of the table.

    Raises:
        ValueError: two ready configs have different models of one name.
    """
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(project, folder, ignore=shutil.ignore_patterns("train", "backtest"))
    (folder / "train").mkdir()
    for part in parts(folds):
        content = read_yaml(project / "train" / f"{part.market}.yaml")
        content |= {"experiment": part.name, "models": _models(project, part)}
        text = yaml.safe_dump(content, sort_keys=False, allow_unicode=True)
        (folder / "train" / f"{part.name}.yaml").write_text(text, encoding="utf-8")


def _models(project: Path, part: Part) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for source, names in part.sources.items():
        ready = read_yaml(project / "train" / f"{source}.yaml")["models"]
        for name in ready if names is None else names:
            if found.setdefault(name, ready[name]) != ready[name]:
                raise ValueError(f"configs/train/{source}.yaml has another model {name!r}")
    return found


def experiment(folder: Path, part: Part) -> ExperimentConfig:
    """Return a part's experiment, from what `write_configs` wrote."""
    return load_experiment(folder / "train" / f"{part.name}.yaml")


def backtest_of(project: Path, part: Part, models: tuple[str, ...]) -> BacktestConfig:
    """Return the market's backtest for a part's models."""
    ready = load_backtest(project / "backtest" / f"{part.market}.yaml")
    content = ready.model_dump() | {
        "experiment": part.name,
        "model": models[0],
        "compare": models[1:],
    }
    return BacktestConfig.model_validate(content)


def source_of(part: Part, model: str, project: Path) -> str:
    """Return the ready config that a model comes from."""
    for source, names in part.sources.items():
        if model in (names or read_yaml(project / "train" / f"{source}.yaml")["models"]):
            return source
    raise KeyError(model)
