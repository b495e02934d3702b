"""What docs/playbooks/token-models.md tells the reader to type works."""

import re
import shlex
from pathlib import Path

import pytest
import torch

from fints_pipeline import embed
from fints_pipeline.models import fusion
from fints_pipeline.models._base import network_names
from fints_pipeline.models.fusion import FusionConfig
from fints_pipeline.training import console
from fints_pipeline.training.config import load_experiment


@pytest.fixture
def page(project: Path) -> str:
    return (project / "docs" / "playbooks" / "token-models.md").read_text()


def test_commands_parse_and_name_models_that_are_there(page: str, project: Path) -> None:
    lines = re.findall(r"python -m fints_pipeline\.train (.*)", page)
    assert len(lines) == 2
    for line in lines:
        args = console.parser(None).parse_args(shlex.split(line))
        experiment = load_experiment(project / args.config)
        assert set(console.choose_models(experiment, args.model)) <= set(experiment.names)
    for line in re.findall(r"python -m fints_pipeline\.embed (--[^`]*)`", page):
        assert embed._parser().parse_args(shlex.split(line)).encoder == "finbert/"


def test_the_networks_of_the_table_are_there(page: str) -> None:
    rows = re.findall(r"^\| `(\w+)` \|", page, re.MULTILINE)
    assert len(rows) == 5
    assert set(rows) <= set(network_names())


def test_the_maps_can_be_drawn(page: str, tmp_path: Path) -> None:
    (block,) = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    tokens = {"field_sizes": [9, 12, 16, 16, 12, 15, 15, 13, 16, 17], "width": 8, "heads": 2}
    config = FusionConfig.model_validate(
        {
            "patches": {"width": 8, "heads": 2}, "tokens": tokens, "factorised": True,
            "channels": 4, "target": 0, "width": 8, "heads": 2,
        }
    )  # fmt: skip
    torch.manual_seed(0)
    fusion.save(fusion.build(config), config, tmp_path)
    found: dict[str, object] = {}
    exec(block.replace('Path("…")', f"Path({str(tmp_path)!r})"), found)
    maps = found["maps"]
    assert isinstance(maps, dict)
    assert maps["attention"].shape == (1, 2, 8, 65)
    assert maps["gate"].shape == (1, 8, 8)
