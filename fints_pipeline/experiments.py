"""Which experiments a set of instruments can run, and a first one for data that has none."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import yaml

from fints_pipeline.base.config import load_config, read_yaml
from fints_pipeline.base.errors import UserError
from fints_pipeline.base.lake import series_key
from fints_pipeline.base.lake.atomic import write_text
from fints_pipeline.base.locations import Locations
from fints_pipeline.base.time import MINUTES_A_DAY, minutes
from fints_pipeline.data.config import DatasetConfig
from fints_pipeline.labels.config import LabelsConfig
from fints_pipeline.training.config import ExperimentConfig, load_experiment
from fints_pipeline.training.dataset import sessions_present

TEMPLATE = "demo"
FOLDS = 3
_MOST_INSTRUMENTS = 5
_PAIR_LENGTH = 6


def experiments_for(locations: Locations, instruments: Sequence[str]) -> list[str]:
    """Return the experiments to run on these instruments, one at least for each data set.

    An experiment counts when all of its instruments are there and it has a backtest: ready configs
    under ``train/`` that have none are run by name. For a data set without one,
    ``train/own_<dataset>.yaml`` and ``backtest/own_<dataset>.yaml`` are written, once.

    Raises:
        UserError: there are no instruments.
    """
    if not instruments:
        raise UserError(
            "no archive could be read",
            where=str(locations.inbox),
            fix="see the quarantine in the lake for each file's reason",
        )
    names = [one.experiment for one in _configured(locations) if _is_covered(one, instruments)]
    covered = {name for one in names for name in _datasets(locations, one)}
    for dataset in sorted({instrument.partition(".")[0] for instrument in instruments} - covered):
        own = [one for one in instruments if one.startswith(f"{dataset}.")]
        names.append(_write_own(locations, dataset, own[:_MOST_INSTRUMENTS], instruments))
    return names


def _configured(locations: Locations) -> Iterable[ExperimentConfig]:
    paths = sorted((locations.configs / "train").glob("*.yaml"))
    return [load_experiment(path) for path in paths if locations.has_backtest(path.stem)]


def _is_covered(experiment: ExperimentConfig, instruments: Sequence[str]) -> bool:
    return set(experiment.data.instruments) <= set(instruments)


def _datasets(locations: Locations, experiment: str) -> set[str]:
    config = load_experiment(locations.train_config(experiment))
    return {instrument.partition(".")[0] for instrument in config.data.instruments}


def _write_own(
    locations: Locations, dataset: str, instruments: list[str], known: Sequence[str]
) -> str:
    name = f"own_{dataset}"
    train, backtest = (
        locations.configs / folder / f"{name}.yaml" for folder in ("train", "backtest")
    )
    template = _template(locations, dataset)
    content = read_yaml(locations.train_config(template))
    content["experiment"] = name
    content["description"] = f"A first look at {dataset}: {', '.join(instruments)}."
    frequency = _dataset(locations, f"{dataset}.").model_frequency
    content["data"] |= {"instruments": instruments, "frequency": frequency}
    content["data"]["features"] = _present(locations, instruments, content["data"])
    horizon = _aim_at(
        content,
        load_config(locations.dataset_config(f"{dataset}."), LabelsConfig, section="labels"),
    )
    sessions = len(sessions_present(locations.lake, ExperimentConfig(**content).data))
    content["folds"] = _scheme(sessions)
    _write(train, content, template)
    traded = {**read_yaml(locations.backtest_config(template)), "experiment": name}
    traded |= {"synthetic": False, "hold": horizon}
    if minutes(frequency) >= MINUTES_A_DAY:  # a daily bar is its session's last
        traded["flatten_at_session_end"] = False
    account = traded.get("account_currency", "USD")
    _write(backtest, traded | _currencies(locations, instruments, account, known), template)
    return name


def _aim_at(content: dict[str, Any], labels: LabelsConfig) -> int:
    """Point the models at the data set's first forward return and direction; return the horizon.

    Raises:
        UserError: the data set computes none of them.
    """
    first = {label.name: label for label in reversed(labels.labels)}
    missing = [name for name in ("forward_return", "direction") if name not in first]
    if missing:
        raise UserError(f"no {missing[0]} among the data set's labels", fix="add it to `labels:`")
    target = first["forward_return"]
    content["data"] |= {"label": target.column, "direction_label": first["direction"].column}
    for model in content["models"].values():
        if "horizon" in model["network"]:
            model["network"]["horizon"] = target.horizon
    return int(target.horizon)


def _template(locations: Locations, dataset: str) -> str:
    """Return an experiment on the same kind of market, whose costs are the nearest guess."""
    kind = _asset_class(locations, f"{dataset}.")
    for experiment in _configured(locations):
        if _asset_class(locations, experiment.data.instruments[0]) == kind:
            return experiment.experiment
    return TEMPLATE


def _asset_class(locations: Locations, instrument: str) -> str:
    return _dataset(locations, instrument).asset_class


def _dataset(locations: Locations, instrument: str) -> DatasetConfig:
    path = locations.dataset_config(instrument)
    return load_config(path, DatasetConfig, section="dataset")


def _present(locations: Locations, instruments: list[str], data: dict[str, Any]) -> list[str]:
    """Return the template's feature columns that every instrument's table has."""
    lake, freq = locations.lake, data["frequency"]
    keys = [
        series_key("features", freq, one, lake.months("features", freq, one)[-1])
        for one in instruments
    ]
    tables = [lake.read(key).column_names for key in keys]
    return [column for column in data["features"] if all(column in names for names in tables)]


def _currencies(
    locations: Locations, instruments: Sequence[str], account: str, known: Sequence[str]
) -> dict[str, Any]:
    """Return what a backtest has to be told of currency pairs that are not quoted in ``account``.

    Where no instrument converts a quote currency, the backtest refuses and says so.
    """
    quoted, conversion = {}, {}
    for instrument in instruments:
        symbol = instrument.partition(".")[2]
        quote = symbol[3:]
        is_pair = _asset_class(locations, instrument) == "fx" and len(symbol) == _PAIR_LENGTH
        if not is_pair or quote == account:
            continue
        quoted[instrument] = quote
        for other in known:
            if other.endswith((f".{account}{quote}", f".{quote}{account}")):
                invert = other.endswith(f".{account}{quote}")
                conversion[quote] = {"instrument": other, "invert": invert}
    return {"quote_currency": quoted, "conversion": conversion} if quoted else {}


def _scheme(sessions: int) -> dict[str, Any]:
    """Cut the sessions into `FOLDS` rolling folds: half to train, the rest to validate and test."""
    test = max(1, sessions // 8)
    validation = max(1, sessions // 12)
    train = sessions - validation - FOLDS * test - 2
    if train < test:
        raise UserError(
            f"{sessions} sessions are too few for {FOLDS} walk-forward folds",
            fix="bring more months, or write an experiment of your own under configs/train",
        )
    return {"kind": "rolling", "train": train, "validation": validation, "test": test, "embargo": 1}


def _write(path: Path, content: dict[str, Any], template: str) -> None:
    if path.exists():
        return
    header = f"# Written from {template}.yaml for your own data: change what does not fit it.\n"
    write_text(path, header + yaml.safe_dump(content, sort_keys=False, allow_unicode=True))
