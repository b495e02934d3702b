"""The train command: folds, mistakes without tracebacks, and a light import."""

import io
import logging
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
import yaml

from fints_pipeline import train
from fints_pipeline.base import cli
from fints_pipeline.base.lake import Lake, fold_key
from fints_pipeline.training import console
from fints_pipeline_tests.training import toy


@pytest.fixture
def project_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A toy lake and its config, and no MLflow."""
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    toy.fill(Lake(tmp_path / "lake"))
    content = toy.experiment().model_dump(mode="json")
    (tmp_path / "toy.yaml").write_text(yaml.safe_dump(content))
    return tmp_path


def run(folder: Path, *arguments: str) -> int:
    config, lake = str(folder / "toy.yaml"), str(folder / "lake")
    return cli.run(train.main, ["--config", config, "--lake", lake, *arguments])


def test_folds_are_listed(project_folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(project_folder, "--list-folds") == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 1 + 2 * 4 + 1
    fold = ["2024-02-06", "train", "2024-01-10", "2024-01-29", "20", "1,600"]
    assert lines[1].split()[:6] == fold
    assert [line.split()[0] for line in lines[2:5]] == ["validation", "test", "embargo"]
    folder = Path(lines[-1].rpartition(": ")[2])
    table = pd.read_csv(folder / "folds.csv")
    assert lines[2].split()[6] == str(table["purged"].iloc[1]) == str(2 * 4)
    assert set(table["context"]) == {16}
    assert (folder / "timeline.svg").read_text().startswith("<svg")
    assert len(pd.read_parquet(folder / "folds.parquet")) == len(table) == 8


def test_a_fold_is_trained_and_predicted(
    project_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(project_folder, "--fold", "2024-02-06") == 0
    printed = capsys.readouterr()
    for stage in ("vocabulary", "mlm", "classifier", "patchtst", "predictions"):
        assert stage in printed.out
    assert "mlm: epoch 1 of 10" in printed.err
    lake = Lake(project_folder / "lake")
    assert lake.exists(fold_key("predictions", "toy", "2024-02-06"))


def test_progress_goes_to_what_is_standard_error_now(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as before:
        before.setattr(sys, "stderr", io.StringIO())
        console.show_progress()
    console.show_progress()
    logging.getLogger("fints_pipeline.training").info("epoch 1 of 2")
    assert capsys.readouterr().err == "  epoch 1 of 2\n"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--fold", "2024-02-05"), "did you mean '2024-02-06'"),
        (("--model", "classifier", "--fold", "2024-02-06"), "does not exist in the lake"),
    ],
)
def test_mistakes_are_explained(
    project_folder: Path,
    capsys: pytest.CaptureFixture[str],
    arguments: tuple[str, ...],
    message: str,
) -> None:
    assert run(project_folder, *arguments) == 2
    printed = capsys.readouterr().err
    assert message in printed
    assert "Traceback" not in printed


def test_an_empty_lake_is_explained(
    project_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(project_folder, "--lake", str(project_folder / "none")) == 2
    assert "run the ingest and data jobs for it first" in capsys.readouterr().err


def test_importing_the_command_and_loading_a_config_is_light(project: Path) -> None:
    code = (
        "import sys; from fints_pipeline import train;"
        f"train.load_experiment({str(project / 'configs/train/demo.yaml')!r});"
        "heavy = {'torch', 'lightning', 'transformers', 'mlflow', 'pandera', 'dagster', 'numba'};"
        "print(sorted(heavy & set(sys.modules)))"
    )
    answer = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=project
    )
    assert answer.stdout.strip() == "[]"
