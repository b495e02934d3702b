"""docs/features.md lists every family and label, with its columns and lookback as they are."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from fints_pipeline.base.components import available, load_component
from fints_pipeline.features import Feature
from fints_pipeline.features.cross_section import CrossSectionConfig
from fints_pipeline.labels import Label

ROW = re.compile(r"^\| `(\{name: (\w+).*?\})` \|(.*)\|$", re.MULTILINE)


@pytest.fixture(scope="module")
def page(project: Path) -> str:
    return (project / "docs" / "features.md").read_text()


def cells(rest: str) -> list[str]:
    return [cell.strip() for cell in re.split(r"(?<!\\)\|", rest)]


def test_every_family_and_label_has_its_row(page: str) -> None:
    rows = [name for _, name, _ in ROW.findall(page)]
    families = available("fints_pipeline.features", Feature)
    assert sorted(rows) == sorted(families + available("fints_pipeline.labels", Label))


def test_columns_and_lookbacks_are_as_the_lines_make_them(page: str) -> None:
    families = available("fints_pipeline.features", Feature)
    for line, name, rest in ROW.findall(page):
        row, spec = cells(rest), yaml.safe_load(line)
        named = re.findall(r"`(\w+)`", row[0])
        if name in families:
            feature = load_component("fints_pipeline.features", Feature, spec)
            assert feature == type(feature)(), f"{name}: the line spells the defaults out"
            assert tuple(named) == feature.columns, name
            sessions = feature.lookback_sessions
            memory = f", before {sessions} sessions" if sessions else ""
            assert row[3] == f"{feature.lookback}{memory}", name
        else:
            label = load_component("fints_pipeline.labels", Label, spec)
            assert named == [label.column], name
            assert row[3] == f"{label.lookback}, {label.ahead}", name


def test_the_cross_section_is_a_config(page: str) -> None:
    block = re.search(r"```yaml\n(cross_section:.*?)```", page, re.DOTALL)
    assert block is not None
    config = CrossSectionConfig.model_validate(yaml.safe_load(block[1])["cross_section"])
    assert "log_return_cross_rank" in config.columns
