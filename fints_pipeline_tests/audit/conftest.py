from pathlib import Path

import pytest

from fints_pipeline.base.lake import Lake
from fints_pipeline_tests.training import toy


@pytest.fixture
def toy_lake(tmp_path: Path) -> Lake:
    lake = Lake(tmp_path / "toy_lake")
    toy.fill(lake)
    return lake
