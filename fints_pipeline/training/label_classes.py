"""The classes of a categorical label, as the labels table tells them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fints_pipeline.base.errors import LakeError, nearest
from fints_pipeline.base.lake import Footer
from fints_pipeline.training.dataset import FloatArray

NOTE = "classes"  # of a label partition's footer


@dataclass(frozen=True)
class LabelClasses:
    """What the codes of a label mean.

    Attributes:
        codes: (K) as they stand in the label's column, ascending; class k is ``codes[k]``.
        names: (K).
    """

    codes: tuple[int, ...]
    names: tuple[str, ...]

    def __len__(self) -> int:
        """Return K."""
        return len(self.codes)

    def numbers(self, value: FloatArray, ignored: int = -100) -> NDArray[np.int64]:
        """Return the class numbers (T,) of codes, ``ignored`` where there is none.

        Raises:
            LakeError: a value is not one of the codes.
        """
        known = np.isfinite(value)
        codes = np.array(self.codes)
        place = np.searchsorted(codes, value[known]).clip(max=len(codes) - 1)
        wrong = codes[place] != value[known]
        if wrong.any():
            raise LakeError(
                f"a label of {value[known][wrong][0]:g} is none of its classes {self.codes}",
                fix="materialise the labels again",
            )
        numbers = np.full(len(value), ignored, dtype=np.int64)
        numbers[known] = place
        return numbers


def label_classes(footers: Mapping[str, Footer], column: str) -> LabelClasses:
    """Return the classes of a label that was read.

    Args:
        footers: of the partitions that were read, by key; those of labels tell the classes.
        column: the label's.

    Raises:
        LakeError: the label is a quantity, the partitions say nothing of classes, or two of them
            say different things.
    """
    notes = {f.notes.get(NOTE) for key, f in footers.items() if key.startswith("labels/")}
    told = [json.loads(note) for note in notes if note is not None]
    if not told or None in notes:
        raise LakeError(
            "the labels table does not say which classes its labels have",
            fix="it was made by an earlier version: materialise the labels again",
        )
    found = {json.dumps(one.get(column), sort_keys=True) for one in told}
    if len(found) > 1:
        raise LakeError(
            f"months of labels disagree on the classes of {column!r}",
            fix="materialise the months that are stale",
        )
    classes = told[0].get(column)
    if classes is None:
        raise LakeError(
            f"label {column!r} has no classes",
            fix="choose a categorical label: " + nearest(column, told[0]),
        )
    codes = sorted(int(code) for code in classes)
    return LabelClasses(tuple(codes), tuple(classes[str(code)] for code in codes))
