"""Labels of whole numbers as classes: which values there are, and what they are called."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from fints_pipeline.base.errors import SchemaError
from fints_pipeline.base.lake import Footer
from fints_pipeline.training.dataset import FloatArray

DIRECTIONS = {-1.0: "down", 0.0: "flat", 1.0: "up"}
NOTE = "classes"
"""Key of the labels table's footer note: JSON of ``{column: {value: name}}``."""


@dataclass(frozen=True)
class Classes:
    """A label's values in the order of its classes.

    Attributes:
        values: ascending.
        names: of the values.
    """

    values: tuple[float, ...]
    names: tuple[str, ...]

    def __len__(self) -> int:
        """Return K."""
        return len(self.values)

    @property
    def is_direction(self) -> bool:
        """Whether they are down, flat and up."""
        return self.names == tuple(DIRECTIONS.values())

    def number(self, value: FloatArray) -> NDArray[np.int64]:
        """Return each value's class, −1 where it is not known.

        Raises:
            SchemaError: a value is none of the label's.
        """
        known = np.isfinite(value)
        place = np.searchsorted(self.values, np.where(known, value, self.values[0]))
        place = np.minimum(place, len(self) - 1)
        strange = known & (np.array(self.values)[place] != value)
        if strange.any():
            raise SchemaError(
                f"a label holds {value[strange][0]:g}, its classes are {list(self.values)}",
                fix="choose a label of whole numbers, such as a direction or a bucket",
            )
        return np.where(known, place, -1).astype(np.int64)


def classes_of(
    column: str, is_direction: bool, values: FloatArray, names: Mapping[str, Mapping[str, str]]
) -> Classes:
    """Return a label's classes.

    Args:
        column: the label's.
        is_direction: whether its classes are down, flat and up, whatever the values show.
        values: of the training span, NaN where unknown.
        names: what the labels table says of its columns' values.

    Raises:
        SchemaError: the values are not a few whole numbers.
    """
    if column in names:
        pairs = sorted((float(value), name) for value, name in names[column].items())
        return Classes(tuple(v for v, _ in pairs), tuple(n for _, n in pairs))
    if is_direction:
        return Classes(tuple(DIRECTIONS), tuple(DIRECTIONS.values()))
    found = np.unique(values[np.isfinite(values)])
    if not 2 <= len(found) <= _MOST or (found != np.round(found)).any():
        raise SchemaError(
            f"label {column!r} takes {len(found)} values in the training span: not classes",
            fix=f"choose a label of 2 to {_MOST} whole numbers",
        )
    return Classes(tuple(found.tolist()), tuple(f"{value:g}" for value in found))


def noted_names(footers: Iterable[Footer]) -> dict[str, dict[str, str]]:
    """Return what the labels tables' footers say of their columns' values."""
    found: dict[str, dict[str, str]] = {}
    for footer in footers:
        if NOTE in footer.notes:
            found |= json.loads(footer.notes[NOTE])
    return found


def class_weights(classes: Tensor, count: int, weighted: bool) -> Tensor:
    """Return N / (K × count) a class, 1 where it does not occur or weights are off."""
    counts = torch.bincount(classes, minlength=count).double()
    inverse = counts.sum() / (count * counts.clamp(min=1))
    return torch.where(counts > 0, inverse, 1.0) if weighted else torch.ones(count).double()


def unweighted(p_NK: FloatArray, weights: Sequence[float]) -> FloatArray:
    """Return probabilities as they were if the loss had not weighed the classes.

    A loss with class weights teaches the network probabilities as if classes came that much more
    often; dividing by the weights takes this back.
    Source: Elkan, The Foundations of Cost-Sensitive Learning (2001).
    """
    p_NK = p_NK / np.array(weights)
    normal: FloatArray = p_NK / p_NK.sum(axis=1, keepdims=True)
    return normal


_MOST = 20
