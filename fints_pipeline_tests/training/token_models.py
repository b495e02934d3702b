"""A second toy experiment: factorised tokens, taggers, and fusion of all towers."""

from __future__ import annotations

from fints_pipeline.training.config import ExperimentConfig
from fints_pipeline_tests.training import toy

LOOKBACK = 12
_FIT = {"epochs": 3, "batch_size": 32, "learning_rate": 0.01, "stride": 3}
_PATCHES = {
    "patch": 4, "stride": 2, "width": 8, "heads": 2, "feed_forward": 16, "layers": 1,
    "dropout": 0.0, "instance_norm": "scale",
}  # fmt: skip
_ENCODER = {"max_length": LOOKBACK + 2, "width": 16, "layers": 1, "heads": 2, "dropout": 0.0}
MODELS: dict[str, dict[str, object]] = {
    "fields": {
        "network": {"name": "brooks_factorised_mlm", **_ENCODER},
        "fit": {**_FIT, "epochs": 6, "stride": 5},
    },
    "classifier": {
        "network": {"name": "brooks_classifier"}, "starts_from": "fields", "fit": _FIT,
        "lookback": 6,
    },
    "tagger": {
        "network": {"name": "brooks_tagger"}, "starts_from": "fields", "fit": _FIT, "lookback": 6,
    },
    "tagger_crf": {
        "network": {"name": "brooks_tagger", "crf": True}, "starts_from": "fields", "fit": _FIT,
        "lookback": 6,
    },
    "patchtst": {
        "network": {"name": "patchtst", "lookback": LOOKBACK, "horizon": 4, **_PATCHES},
        "fit": _FIT,
    },
    "fusion": {
        "network": {
            "name": "fusion", "lookback": LOOKBACK, "horizon": 4, "patches": _PATCHES,
            "tokens": {}, "width": 16, "heads": 2, "dropout": 0.0, "zero_head": True,
        },
        "starts_from": {"tokens": "fields", "patches": "patchtst"},
        "frozen": ["tokens", "patches"],
        "fit": _FIT,
    },
    "fused_direction": {
        "network": {
            "name": "fusion", "lookback": LOOKBACK, "width": 16, "heads": 2, "dropout": 0.0,
            "tokens": {"width": 16, "layers": 1, "heads": 2, "dropout": 0.0},
        },
        "label": f"direction_{toy.HORIZON}",
        "fit": _FIT,
    },
}  # fmt: skip


def experiment(**models: dict[str, object]) -> ExperimentConfig:
    """Return the experiment, with some models' keys replaced or whole models added."""
    changed = {name: {**MODELS.get(name, {}), **model} for name, model in models.items()}
    return toy.experiment(experiment="toytokens", models={**MODELS, **changed})


def alone(name: str, **changes: object) -> ExperimentConfig:
    """Return the experiment with one model, some keys changed, and what it starts from."""
    model = {**MODELS[name], **changes}
    parents = model.get("starts_from") or {}
    names = [parents] if isinstance(parents, str) else list(dict(parents).values())
    kept = {parent: MODELS[parent] for parent in names}
    return toy.experiment(experiment="toytokens", models={**kept, name: model})
