"""Two processes that share each batch fit what one fits with the whole of it."""

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from fints_pipeline import train
from fints_pipeline.base.lake import Lake
from fints_pipeline.training.bundles import model_key
from fints_pipeline.training.record import TrainingRecord
from fints_pipeline_tests.training import toy

# Adam divides by a gradient's size, rounding errors of gradients that are zero included.
PLAIN = {"optimiser": {"kind": "sgd"}, "learning_rate": 0.05}
FITS = {
    # 49 to a batch: parts are odd, and the last batches small.
    "batch norm": ("patchtst", {**PLAIN, "epochs": 3, "batch_size": 49}),
    "accumulated and averaged": (
        "patchtst",
        {**PLAIN, "epochs": 2, "accumulate": 2, "regularisation": {"average": "ema"}},
    ),
    "masked tokens": ("mlm", {**PLAIN, "epochs": 2}),
}


@pytest.mark.slow
@pytest.mark.parametrize(("model", "fit"), FITS.values(), ids=FITS)
def test_two_processes_fit_what_one_fits(
    tmp_path: Path, model: str, fit: dict[str, object]
) -> None:
    found = []
    for processes in (1, 2):
        lake = Lake(tmp_path / str(processes))
        toy.fill(lake)
        experiment = toy.changed(model, fit=fit)
        hardware = experiment.hardware.model_copy(update={"processes": processes, "threads": 1})
        experiment = experiment.model_copy(update={"hardware": hardware})
        fold = train.experiment_folds(lake, experiment)[0]
        if experiment.reads_tokens:
            train.fit_vocabulary(lake, experiment, fold)
        train.train_model(lake, experiment, fold, model)
        folder = lake.open_bundle(model_key("toy", fold.key, model))
        found.append((TrainingRecord.read(folder), load_file(folder / "model.safetensors")))
    (one, weights), (two, others) = found
    assert two.fit.steps == one.fit.steps
    for mine, other in zip(one.fit.history, two.fit.history, strict=True):
        for name in ("train_loss", "validation_loss", "learning_rate"):
            assert other[name] == pytest.approx(mine[name], rel=1e-4), (mine["epoch"], name)
    assert set(weights) == set(others)
    for name, value in weights.items():
        torch.testing.assert_close(others[name], value, rtol=1e-3, atol=2e-4, msg=name)
