"""Names as people write them into the lake's names, or an error with the nearest good ones."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from datetime import date

from fints_pipeline.base.errors import KeyNotFoundError, nearest
from fints_pipeline.data.catalog.renames import Renames


def instruments_of(
    symbols: str | Sequence[str],
    known: Collection[str],
    renames: Renames | None = None,
    day: date | None = None,
) -> list[str]:
    """Return the instruments that ``symbols`` name, in their order, each once.

    Args:
        symbols: ``dataset.SYMBOL``, or a bare symbol that one data set alone has.
        known: The instruments that there are.
        renames: Who had which ticker when.
        day: Bare symbols are tickers of this day; by default, of today.

    Raises:
        KeyNotFoundError: a name is unknown, or several data sets have it; of a former ticker, the
            message tells whose it was.
    """
    former = renames or Renames()
    is_one = isinstance(symbols, str) or not isinstance(symbols, Iterable)
    wanted: list[object] = [symbols] if is_one else list(symbols)
    if not wanted:
        raise KeyNotFoundError("no symbol is named", fix=nearest("", known) or "the lake is empty")
    return list(dict.fromkeys(_instrument(name, known, former, day) for name in wanted))


def one_of(name: str, known: Collection[str], noun: str, where: str | None = None) -> str:
    """Return ``name`` if it is known.

    Raises:
        KeyNotFoundError: it is not; the message names near ones.
    """
    if name in known:
        return name
    raise KeyNotFoundError(
        f"no {noun} {name!r}", where=where, fix=nearest(name, known) or f"there is no {noun} yet"
    )


def columns_of(wanted: Sequence[str] | None, known: Sequence[str]) -> list[str]:
    """Return the columns to read: all of them where none is named.

    Raises:
        KeyNotFoundError: one does not exist.
    """
    if wanted is None:
        return list(known)
    return list(dict.fromkeys(one_of(name, known, "column") for name in wanted))


def _instrument(name: object, known: Collection[str], renames: Renames, day: date | None) -> str:
    if not isinstance(name, str):
        raise KeyNotFoundError(
            f"a symbol is text, not {name!r}", fix="put it into quotes: '000001' is not 1"
        )
    if name in known:
        return name
    bare = {instrument.partition(".")[2]: instrument for instrument in known}
    if day is not None:
        owners = sorted(renames.meant(name, day, known))
    else:
        owners = sorted(one for one in known if one.partition(".")[2] == name)
    if len(owners) > 1:
        raise KeyNotFoundError(
            f"{len(owners)} data sets have a symbol {name!r}", fix=f"name one: {', '.join(owners)}"
        )
    if owners:
        return owners[0]
    if (told := renames.told(name)) is not None:
        raise KeyNotFoundError(f"no bars of a symbol {name!r} today", fix=told)
    hint = nearest(name, known) if "." in name else nearest(name, bare)
    raise KeyNotFoundError(f"no symbol {name!r}", fix=hint or "the lake holds no such table yet")
