"""The command that runs every stage: what it refuses before it begins."""

from pathlib import Path

import pytest

from fints_pipeline import pipeline
from fints_pipeline.base.errors import KeyNotFoundError
from fints_pipeline.base.locations import Locations


def test_an_unknown_experiment_is_named_before_anything_is_made(tmp_path: Path, project: Path):
    locations = Locations(tmp_path / "lake", tmp_path / "inbox", project / "configs")
    with pytest.raises(KeyNotFoundError, match="tyny"):
        pipeline.run(locations, ["demo", "tyny"])
    assert not locations.lake_root.exists()
