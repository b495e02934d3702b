"""Classes of labels: told by the table's footers, never guessed from the values."""

import json

import numpy as np
import pytest

from fints_pipeline.base.errors import LakeError
from fints_pipeline.base.lake import Footer, Lineage
from fints_pipeline.training.label_classes import LabelClasses, label_classes

REGIME = {"-1": "trend_down", "0": "range", "1": "trend_up"}


def footer(**notes: str) -> Footer:
    return Footer("d", 1, "labels", "s", Lineage("1", "c"), notes=notes)


def test_codes_and_names_come_from_the_footers() -> None:
    noted = footer(classes=json.dumps({"regime_12": REGIME}))
    found = label_classes({"labels/5m/a.B/2024-01": noted, "tokens/x": footer()}, "regime_12")
    assert found == LabelClasses((-1, 0, 1), ("trend_down", "range", "trend_up"))
    assert len(found) == 3
    assert found.numbers(np.array([1.0, np.nan, -1.0, 0.0])).tolist() == [2, -100, 0, 1]


@pytest.mark.parametrize(
    ("footers", "message"),
    [
        ({"labels/a": footer()}, "does not say"),
        ({"tokens/a": footer(classes="{}")}, "does not say"),
        ({"labels/a": footer(classes="{}")}, "has no classes"),
        (
            {
                "labels/a": footer(classes=json.dumps({"regime_12": REGIME})),
                "labels/b": footer(classes=json.dumps({"regime_12": {"0": "all"}})),
            },
            "disagree",
        ),
    ],
)
def test_what_is_not_told_is_refused(footers: dict[str, Footer], message: str) -> None:
    with pytest.raises(LakeError, match=message):
        label_classes(footers, "regime_12")


def test_a_value_that_is_no_code_is_refused() -> None:
    with pytest.raises(LakeError, match="none of its classes"):
        LabelClasses((0, 1), ("a", "b")).numbers(np.array([0.0, 0.5]))
    with pytest.raises(LakeError, match="none of its classes"):
        LabelClasses((0, 1), ("a", "b")).numbers(np.array([2.0]))
