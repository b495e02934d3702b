"""ExperimentConfig: errors that name the key, and fingerprints of what matters."""

from datetime import date
from pathlib import Path

import pytest
import yaml

from fints_pipeline.base.errors import ConfigError
from fints_pipeline.models._base import network_names
from fints_pipeline.training.config import load_experiment
from fints_pipeline.walkforward.folds import Fold, Span
from fints_pipeline_tests.training import toy


def write(folder: Path, name: str = "toy", **changes: object) -> Path:
    content = toy.experiment().model_dump(mode="json")
    content.update(changes)
    path = folder / f"{name}.yaml"
    path.write_text(yaml.safe_dump(content))
    return path


def test_a_file_gives_the_same_experiment(tmp_path: Path) -> None:
    assert load_experiment(write(tmp_path)) == toy.experiment()


def test_every_config_of_the_project_loads(project: Path) -> None:
    paths = sorted((project / "configs" / "train").glob("*.yaml"))
    assert {path.stem for path in paths} >= {"demo", "btcusdt_5m", "eurusd_5m"}
    for path in paths:
        assert load_experiment(path).experiment == path.stem


def test_every_network_has_a_ready_config(project: Path) -> None:
    paths = sorted((project / "configs" / "train").glob("*.yaml"))
    models = [model for path in paths for model in load_experiment(path).models.values()]
    assert {model.network.name for model in models} == set(network_names())


def test_the_name_is_the_files(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="named 'other'"):
        load_experiment(write(tmp_path, "other"))


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        (("models", "patchtst", "target"), "log_retrun", "did you mean 'log_return'"),
        (("models", "patchtst", "channels"), ["log_return", "nois"], "did you mean 'noise'"),
        (("models", "classifier", "starts_from"), "mml", "did you mean 'mlm'"),
        (("models", "mlm", "starts_from"), "classifier", "start from each other"),
        (("models", "patchtst", "network"), {"name": "pachtst"}, "did you mean 'patchtst'"),
        (("models", "patchtst", "network", "lookbck"), 3, "did you mean 'lookback'"),
        (("models", "patchtst", "network"), None, "patchtst: give it a `network"),
        (("models", "patchtst", "chanels"), [], "did you mean 'channels'"),
        (("models", "patchtst", "fit", "epoch"), 3, "did you mean 'epochs'"),
        (("models", "patchtst", "loss"), {"name": "hubert"}, "did you mean 'huber'"),
        (("data", "frequency"), "5x", "not a frequency"),
        (("models", "mlm", "fit", "epochs"), -1, "models.mlm.fit.epochs"),
        (("seeed",), 1, "did you mean 'seed'"),
    ],
)
def test_mistakes_are_named(
    tmp_path: Path, key: tuple[str, ...], value: object, message: str
) -> None:
    content = toy.experiment().model_dump(mode="json")
    place = content
    for part in key[:-1]:
        place = place[part]
    place[key[-1]] = value
    path = tmp_path / "toy.yaml"
    path.write_text(yaml.safe_dump(content))
    with pytest.raises(ConfigError) as caught:
        load_experiment(path)
    assert message in str(caught.value)
    assert "toy.yaml" in str(caught.value)


def test_a_stage_depends_on_its_own_part_of_the_config() -> None:
    day = date(2024, 1, 1)
    fold = Fold("2024-01-01", Span(day, day), Span(day, day), Span(day, day))
    one = toy.experiment()
    models = one.model_dump(mode="json")["models"]
    models["patchtst"]["fit"]["epochs"] = 9
    other = toy.experiment(models=models, description="another text")
    stages = ("vocabulary", "mlm", "classifier", "patchtst", "predictions")
    before, after = ({s: e.model_fingerprint(s, fold) for s in stages} for e in (one, other))
    assert {s for s in stages if before[s] != after[s]} == {"patchtst", "predictions"}
    assert one.fingerprint == toy.experiment(description="another text").fingerprint
    assert one.fingerprint != other.fingerprint
