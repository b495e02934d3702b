"""A user's mistake inside an asset, shown in Dagster as a message instead of a traceback."""

import functools
import inspect
from collections.abc import Callable
from typing import Any

import dagster as dg

from fints_pipeline.base.errors import UserError


def explained(compute: Callable[..., Any]) -> Callable[..., Any]:
    """Turn a `UserError` of an asset's function into a `dagster.Failure` that says the same.

    Retries are pointless for a user's mistake and therefore not allowed.
    """
    if inspect.isgeneratorfunction(compute):

        @functools.wraps(compute)
        def generate(*args: Any, **kwargs: Any) -> Any:
            try:
                yield from compute(*args, **kwargs)
            except UserError as error:
                raise _failure(error) from None

        return generate

    @functools.wraps(compute)
    def call(*args: Any, **kwargs: Any) -> Any:
        try:
            return compute(*args, **kwargs)
        except UserError as error:
            raise _failure(error) from None

    return call


def _failure(error: UserError) -> dg.Failure:
    parts = {"where": error.where, "fix": error.fix}
    metadata = {name: dg.MetadataValue.text(text) for name, text in parts.items() if text}
    return dg.Failure(str(error), metadata=metadata, allow_retries=False)
