"""What the machine has, and what a fit may not ask of it."""

from pathlib import Path

import pytest
import torch

from fints_pipeline.base.errors import ConfigError
from fints_pipeline.training.config import ExperimentConfig, HardwareConfig
from fints_pipeline.training.hardware import accelerator, memory_bytes
from fints_pipeline_tests.training import toy


@pytest.mark.parametrize("name", ["memory.max", "memory/memory.limit_in_bytes"])
def test_a_container_s_limit_counts(tmp_path: Path, name: str) -> None:
    whole = memory_bytes(tmp_path)
    (tmp_path / name).parent.mkdir(exist_ok=True)
    for text, expected in {"max\n": whole, "1048576\n": 1 << 20, f"{1 << 62}\n": whole}.items():
        (tmp_path / name).write_text(text)
        assert memory_bytes(tmp_path) == expected


@pytest.mark.parametrize(("gpus", "processes"), [(0, 1), (2, 4)])
def test_more_gpus_than_there_are_are_refused(
    monkeypatch: pytest.MonkeyPatch, gpus: int, processes: int
) -> None:
    monkeypatch.setattr(torch.cuda, "device_count", lambda: gpus)
    with pytest.raises(ConfigError, match=f"finds {gpus}"):
        accelerator(HardwareConfig(accelerator="gpu", processes=processes))


def test_a_loss_over_consecutive_bars_is_refused_to_several_processes() -> None:
    content = toy.changed("patchtst", loss={"name": "sharpe"}, fit={"stride": 1}).model_dump()
    content["hardware"]["processes"] = 2
    with pytest.raises(ValueError, match=r"models\.patchtst\.loss: sharpe"):
        ExperimentConfig.model_validate(content)
