"""Explain every model of a backtest, fold by fold, and what its trades were made on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from fints_pipeline import train
from fints_pipeline.base.config import fingerprint, load_config
from fints_pipeline.base.errors import ConfigError, KeyNotFoundError, nearest
from fints_pipeline.base.lake import BundleKey, BundleManifest, Lake, Lineage
from fints_pipeline.base.locations import Locations
from fints_pipeline.evaluation import artefacts
from fints_pipeline.evaluation.explained import (
    Explanations,
    explanations_key,
    write_explanations,
)
from fints_pipeline.explain.config import CODE_VERSION, ExplainConfig
from fints_pipeline.explain.fold import Findings, examine, token_pushes
from fints_pipeline.explain.measured import COLUMNS as IMPORTANCE_COLUMNS
from fints_pipeline.explain.measured import rows_of
from fints_pipeline.explain.opening import open_subject
from fints_pipeline.explain.subject import Rows, Subject
from fints_pipeline.explain.trades import COLUMNS as ATTRIBUTION_COLUMNS
from fints_pipeline.explain.trades import Pushes, attribution, decisions
from fints_pipeline.features.config import FeaturesConfig
from fints_pipeline.schemas.explanations import TABLES
from fints_pipeline.tokenizers.brooks import FIELDS
from fints_pipeline.training.config import ExperimentConfig, load_experiment
from fints_pipeline.training.seeds import reproducible
from fints_pipeline.walkforward.folds import CrossValidation, Fold


@dataclass(frozen=True)
class Outcome:
    """Published explanations."""

    manifest: BundleManifest
    found: Explanations


def run_explain(locations: Locations, config: ExplainConfig) -> Outcome:
    """Explain an experiment's last backtest and publish the bundle `explanations/<experiment>`.

    Raises:
        KeyNotFoundError: there is no backtest, or a model's bundle is missing.
        ConfigError: the backtest has no such model, or the experiment is cross-validated.
        LookAheadError: a window lies outside the test span of its fold.
    """
    lake = locations.lake
    experiment = load_experiment(locations.train_config(config.experiment))
    if isinstance(experiment.folds, CrossValidation):
        raise ConfigError(
            "a cross-validated experiment has several models a bar",
            where=f"experiment {config.experiment}",
            fix="explain an experiment whose folds walk forward",
        )
    key = BundleKey.of("backtests", experiment=config.experiment)
    digests = {str(key): lake.bundle_manifest(key).digest}
    backtest = artefacts.read(lake.open_bundle(key))
    families = _families(locations, experiment)
    importances, attributions, completeness, attention = [], [], [], []
    not_told: dict[str, Mapping[str, str]] = {}
    for name in _models(config, backtest):
        told: dict[str, Findings] = {}
        trips = decisions(*(t[t["model"] == name] for t in (backtest.trades, backtest.fills)))
        trips = _sampled(trips, config)
        pushed: list[Pushes] = []
        words: dict[str, tuple[str, ...]] = {}
        for fold in backtest.folds:
            with reproducible(experiment.seed, experiment.hardware.threads):
                subject = _opened(lake, experiment, fold, name, digests)
                told[fold.key] = examine(subject, families, experiment.data.label, config)
                if subject.fields and subject.is_directional:
                    pushed += _pushes(subject, trips, config)
                    words = {name: FIELDS[name] for name in subject.fields_read.values()}
        importances.append(
            rows_of(name, {k: one.measured for k, one in told.items()}, config.level)
        )
        for fold_key, one in told.items():
            who = {"model": name, "fold": fold_key}
            completeness += [{**who, **row} for row in one.completeness]
            attention += [frame.assign(**who) for frame in one.attention]
        if pushed:
            attributions.append(
                attribution(name, _joined(pushed), words, config.trades, config.seed)
            )
        reasons = {method: why for one in told.values() for method, why in one.not_told.items()}
        if not pushed:
            reasons["attribution"] = "it reads no tokens, or none of its trades is closed"
        not_told[name] = reasons
    found = Explanations(
        importances=_stacked(importances, IMPORTANCE_COLUMNS),
        attribution=_stacked(attributions, ATTRIBUTION_COLUMNS),
        completeness=pd.DataFrame(completeness, columns=_columns("completeness")),
        attention=_stacked(attention, _columns("attention")),
        not_told=not_told,
        null_level=config.trades.level,
    )
    manifest = lake.write_bundle(
        explanations_key(config.experiment),
        lambda folder: write_explanations(folder, found),
        Lineage(CODE_VERSION, fingerprint(config), digests),
    )
    return Outcome(manifest, found)


def _models(config: ExplainConfig, backtest: artefacts.Artefacts) -> tuple[str, ...]:
    traded = tuple(backtest.metrics["models"])
    for name in config.models or ():
        if name not in traded:
            raise ConfigError(
                f"the backtest of {config.experiment} has no model {name!r}",
                where="models",
                fix=nearest(name, traded) or "it has " + ", ".join(traded),
            )
    return config.models if config.models is not None else traded


def _opened(
    lake: Lake, experiment: ExperimentConfig, fold: Fold, name: str, digests: dict[str, str]
) -> Subject:
    reads_tokens = experiment.model(name).reads_tokens
    vocabulary = train.open_vocabulary(lake, experiment, fold) if reads_tokens else None
    subject, read = open_subject(lake, experiment, fold, name, vocabulary)
    digests |= read
    return subject


def _families(locations: Locations, experiment: ExperimentConfig) -> dict[str, str]:
    """Return the family of each feature column: the file that computes it."""
    found: dict[str, str] = {}
    for instrument in experiment.data.instruments:
        try:
            path = locations.dataset_config(instrument)
        except KeyNotFoundError:
            continue  # without a dataset's config every column is a family of its own
        config = load_config(path, FeaturesConfig, section="features")
        for feature in config.features:
            found |= dict.fromkeys(feature.columns, feature.name)
    return found


def _sampled(trips: pd.DataFrame, config: ExplainConfig) -> pd.DataFrame:
    if len(trips) <= config.trades.most:
        return trips
    return trips.sample(config.trades.most, random_state=config.seed).sort_index()


def _pushes(subject: Subject, trips: pd.DataFrame, config: ExplainConfig) -> list[Pushes]:
    """Return what the tokens of the fold's trades did; nothing where the fold has no trade."""
    windows = subject.windows
    instrument = np.array([one.instrument for one in windows.series], object)[windows.number]
    known = pd.DataFrame(
        {
            "instrument": instrument,
            "decided_at": pd.DatetimeIndex(windows.column("close_time")).tz_localize("UTC"),
            "window": np.arange(len(windows)),
        }
    )
    decided = trips.assign(decided_at=trips["decided_at"].astype(known["decided_at"].dtype))
    own = decided.merge(known, on=["instrument", "decided_at"], how="inner")
    if own.empty or subject.tokens is None:
        return []
    which: Rows = own["window"].to_numpy(np.int64)
    taken = windows.taken(which)
    push = token_pushes(subject, taken, own["side"].to_numpy(float), config)
    tokens = subject.token_windows(taken)[..., list(subject.fields_read)]
    net, entries = own["net"].to_numpy(float), own["entries"].to_numpy(np.int64)
    return [Pushes(push, tokens, net, entries)]


def _joined(parts: Sequence[Pushes]) -> Pushes:
    return Pushes(
        np.concatenate([one.push for one in parts]),
        np.concatenate([one.tokens for one in parts]),
        np.concatenate([one.net for one in parts]),
        np.concatenate([one.entries for one in parts]),
    )


def _columns(name: str) -> list[str]:
    return list(TABLES[name].arrow_schema.names)


def _stacked(frames: Sequence[pd.DataFrame], columns: Sequence[str]) -> pd.DataFrame:
    if not frames:
        return pd.DataFrame(columns=list(columns))
    return pd.concat(frames, ignore_index=True)[list(columns)]
