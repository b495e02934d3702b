"""What the database behind Dagster is known by when it is away, or when others make it too."""

from collections.abc import Iterator
from typing import Any

_LOST = {"OperationalError", "InterfaceError", "DagsterPostgresException"}
"""Names of what drivers, SQLAlchemy and Dagster raise when a connection breaks or is refused."""

_MADE_ALREADY = {"42P07", "42710", "23505"}
"""PostgreSQL's codes for a table, a type or a row that another one has made meanwhile."""


def is_away(error: BaseException) -> bool:
    """Return whether an error comes from a database that could not be reached."""
    return any(type(one).__name__ in _LOST for one in _chain(error))


def reason_of(error: BaseException) -> str:
    """Return what the driver said, in one line."""
    said = next(filter(None, (getattr(one, "orig", None) for one in _chain(error))), error)
    return str(said).strip().split("\n", 1)[0]


def was_away(error: Any) -> bool:
    """Return the same of an error as Dagster records it (`SerializableErrorInfo`, or None)."""
    if error is None:
        return False
    return error.cls_name in _LOST or was_away(error.cause) or was_away(error.context)


def others_made_it(error: BaseException) -> bool:
    """Return whether a table was not made because another process has just made it."""
    codes = (getattr(getattr(one, "orig", None), "pgcode", None) for one in _chain(error))
    return any(code in _MADE_ALREADY for code in codes)


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__
