"""A fit that was killed goes on and gives the weights that it would have given."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from fints_pipeline import train
from fints_pipeline.base.errors import LakeError
from fints_pipeline.base.lake import Lake
from fints_pipeline.training.bundles import model_key
from fints_pipeline.training.checkpoint_io import AtomicCheckpointIO, read_checkpoint
from fints_pipeline.training.checkpointing import CheckpointPlace
from fints_pipeline_tests.training import toy

FITS = {
    "an epoch at a time": {"epochs": 3},
    "within an epoch": {"epochs": 3, "checkpoint_every": 5},
    "accumulated, averaged, noisy": {
        "epochs": 5,
        "checkpoint_every": 3,
        "accumulate": 2,
        "regularisation": {"average": "ema", "feature_noise": 0.1, "mixup": 0.2},
    },
    "the mean of the last steps": {
        "epochs": 3,
        "checkpoint_every": 7,
        "regularisation": {"average": "swa", "swa_start": 0.3},
    },
}


def fit(lake: Path, settings: dict[str, object], die_at: int = 0) -> int:
    command = [sys.executable, "-m", "fints_pipeline_tests.training.killed_fit"]
    arguments = [str(lake), json.dumps(settings), str(die_at)]
    return subprocess.run([*command, *arguments], env=os.environ, capture_output=True).returncode


@pytest.mark.slow
@pytest.mark.parametrize("settings", FITS.values(), ids=FITS)
@pytest.mark.parametrize("die_at", [30, 44])
def test_a_killed_fit_ends_with_the_weights_of_one_that_was_not(
    tmp_path: Path, settings: dict[str, object], die_at: int
) -> None:
    lakes = [Lake(tmp_path / name) for name in ("whole", "killed")]
    for lake in lakes:
        toy.fill(lake)
    whole, killed = lakes
    assert fit(whole.root, settings) == 0
    assert fit(killed.root, settings, die_at) == -signal.SIGKILL
    assert list((killed.root / ".checkpoints").iterdir()), "nothing was kept"
    assert fit(killed.root, settings) == 0
    fold = train.experiment_folds(whole, toy.experiment())[0]
    key = model_key("toy", fold.key, "patchtst")
    files = [lake.bundle_manifest(key).files for lake in lakes]
    assert files[1]["model.safetensors"] == files[0]["model.safetensors"]
    records = [json.loads((lake.open_bundle(key) / "training.json").read_text()) for lake in lakes]
    assert records[1]["fit"] == records[0]["fit"], "the history is that of one fit"
    assert not list((killed.root / ".checkpoints").iterdir()), "a published fit is not kept twice"


def place(folder: Path, **contents: object) -> CheckpointPlace:
    return CheckpointPlace(folder / "fit.ckpt", contents)


def test_a_checkpoint_of_another_fit_is_not_used(tmp_path: Path) -> None:
    mine = place(tmp_path, inputs={"features": "ab"})
    note = json.dumps({"identity": mine.identity})
    AtomicCheckpointIO().save_checkpoint({"fints_pipeline": note}, mine.path)
    assert mine.usable() == mine.path
    assert place(tmp_path, inputs={"features": "cd"}).usable() is None


def test_a_damaged_checkpoint_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "fit.ckpt"
    AtomicCheckpointIO().save_checkpoint({"step": 3}, path)
    assert read_checkpoint(path) == {"step": 3}
    content = bytearray(path.read_bytes())
    content[-20] ^= 1
    path.write_bytes(bytes(content))
    with pytest.raises(LakeError, match="damaged"):
        read_checkpoint(path)
    assert place(tmp_path).usable() is None


def test_a_failed_write_leaves_the_checkpoint_before_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "fit.ckpt"
    AtomicCheckpointIO().save_checkpoint({"step": 1}, path)

    def full(self: Path, content: bytes) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(LakeError, match="No space left"):
        AtomicCheckpointIO().save_checkpoint({"step": 2}, path)
    assert read_checkpoint(path) == {"step": 1}
    assert [one.name for one in tmp_path.iterdir()] == ["fit.ckpt"]
