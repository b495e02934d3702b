"""Parameters for any component, drawn from what its fields allow."""

from __future__ import annotations

from typing import Any, Literal, get_args, get_origin

from annotated_types import Ge
from hypothesis import assume
from hypothesis import strategies as st
from pydantic import ValidationError
from pydantic.fields import FieldInfo

from fints_pipeline.base.components import Component

SPREAD = 8
"""Whole numbers are drawn from the smallest that is allowed to this many above it."""


@st.composite
def components(draw: st.DrawFn, kind: type[Component]) -> Component:
    """Draw a component with its default parameters, or with others near their lower bounds."""
    if draw(st.booleans()):
        return kind()
    drawn = {name: draw(_values(field)) for name, field in kind.model_fields.items()}
    try:
        return kind.model_validate(drawn)
    except ValidationError:
        # Fields that exclude each other: not every combination is a config.
        assume(False)
        raise


def _values(field: FieldInfo) -> st.SearchStrategy[Any]:
    low = next((m.ge for m in field.metadata if isinstance(m, Ge)), 1)
    return _of(field.annotation, low, field.get_default(call_default_factory=True))


def _of(annotation: Any, low: Any, default: Any) -> st.SearchStrategy[Any]:
    if annotation is bool:
        return st.booleans()
    if annotation is int:
        return st.integers(low, low + SPREAD)
    if annotation is float:
        return st.sampled_from([default, default * 2, default / 2])
    if get_origin(annotation) is Literal:
        return st.sampled_from(get_args(annotation))
    if get_origin(annotation) is tuple and int in _members(annotation):
        return st.lists(st.integers(low, low + SPREAD), unique=True, max_size=3).map(tuple)
    return st.just(default)


def _members(annotation: Any) -> tuple[Any, ...]:
    """Return the item types of a tuple annotation, without their constraints."""
    return tuple(get_args(a)[0] if get_args(a) else a for a in get_args(annotation))
