"""The predict command: validated rows of unseen bars, and no others unless asked for."""

from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml

from fints_pipeline import predict
from fints_pipeline.base import cli
from fints_pipeline.base.errors import ConfigError, UserError
from fints_pipeline.base.lake import fold_key
from fints_pipeline.schemas.predictions import PREDICTIONS
from fints_pipeline.walkforward.folds import Span
from fints_pipeline_tests.training import toy
from fints_pipeline_tests.training.conftest import TrainedToy


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "toy.yaml"
    path.write_text(yaml.safe_dump(toy.experiment().model_dump(mode="json")))
    return path


def run(trained: TrainedToy, config: Path, *arguments: str, model: str = "patchtst") -> int:
    given = ["--config", str(config), "--lake", str(trained.lake.root)]
    return cli.run(predict.main, [*given, "--fold", trained.fold.key, "--model", model, *arguments])


@pytest.mark.parametrize("model", ["patchtst", "classifier"])
def test_all_bars_after_the_training_span_are_predicted(
    trained: TrainedToy,
    config: Path,
    tmp_path: Path,
    model: str,
) -> None:
    path = tmp_path / "out" / "said.parquet"
    assert run(trained, config, "--output", str(path), model=model) == 0
    table = pq.read_table(path)
    PREDICTIONS.validate(table)
    fold = trained.fold
    notes = table.schema.metadata
    assert notes[b"fints.training_span"].decode() == f"{fold.train.first} {fold.train.last}"
    key = f"models/experiment=toy/fold={fold.key}/model={model}"
    assert notes[b"fints.model_digest"].decode() == trained.results[model].manifest.digest, key
    rows = table.to_pandas()
    assert set(rows["span"]) == {"validation", "test", "outside"}
    assert fold.train.last < rows["session"].min() < fold.validation.first, "the embargo too"
    assert rows["session"].max() > fold.test.last
    told = rows["p_up"] if model == "classifier" else rows["expected_return"]
    assert told.notna().all()
    assert rows.loc[rows["span"] == "outside", "label"].notna().any(), "scored where it is known"
    published = trained.lake.read(fold_key("predictions", "toy", fold.key)).to_pandas()
    published = published[published["model"] == model]
    both = rows.merge(published, on=["instrument", "close_time"], suffixes=("", "_published"))
    assert len(both) == len(published), "all that the fold has, among others"
    for name in ("expected_return", "p_up"):
        np.testing.assert_allclose(both[name], both[f"{name}_published"], rtol=1e-4, atol=1e-8)


def test_the_training_span_is_refused_unless_asked_for(
    trained: TrainedToy,
    config: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    span = ("--from", str(trained.fold.train.first), "--to", str(trained.fold.validation.last))
    path = tmp_path / "said.parquet"
    assert run(trained, config, *span, "--output", str(path)) == 2
    assert "was trained on" in capsys.readouterr().err
    assert not path.exists()
    assert run(trained, config, *span, "--output", str(path), "--in-sample") == 0
    assert "do not tell how good" in capsys.readouterr().out
    rows = pd.read_parquet(path)
    assert set(rows["span"]) == {"train", "outside", "validation"}, "the embargo lies outside"


@pytest.mark.parametrize(
    ("arguments", "model", "message"),
    [
        (("--from", "2031-01-01"), "patchtst", "no session to predict"),
        ((), "mlm", "makes no predictions"),
        ((), "pachtst", "has no model"),
    ],
)
def test_mistakes_are_told(
    trained: TrainedToy, config: Path, capsys: pytest.CaptureFixture[str],
    arguments: tuple[str, ...], model: str, message: str,
) -> None:  # fmt: skip
    assert run(trained, config, *arguments, model=model) == 2
    error = capsys.readouterr().err
    assert message in error
    assert "Traceback" not in error


def test_bars_before_the_folds_data_are_refused(trained: TrainedToy) -> None:
    early = Span(date(2024, 1, 9), trained.fold.test.last)
    with pytest.raises(ConfigError, match="was scaled by data from 2024-01-10 on"):
        predict.score(
            trained.lake, trained.experiment, trained.fold, "patchtst", early, in_sample=True
        )


def test_a_full_or_forbidden_disk_leaves_no_half_file(tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("x")
    with pytest.raises(UserError, match="cannot be written"):
        predict.write(pa.table({"a": [1]}), blocked / "said.parquet")


def test_a_folder_is_no_output(tmp_path: Path) -> None:
    for path in (Path("."), tmp_path):
        with pytest.raises(UserError, match="folder"):
            predict.write(pa.table({"a": [1]}), path)
