"""Names as people write them into the lake's names, or an error with the nearest good ones."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

from fints_pipeline.base.errors import KeyNotFoundError, nearest


def instruments_of(symbols: str | Sequence[str], known: Collection[str]) -> list[str]:
    """Return the instruments that ``symbols`` name, in their order, each once.

    Args:
        symbols: ``dataset.SYMBOL``, or a bare symbol that one data set alone has.
        known: The instruments that there are.

    Raises:
        KeyNotFoundError: a name is unknown, or several data sets have it.
    """
    is_one = isinstance(symbols, str) or not isinstance(symbols, Iterable)
    wanted: list[object] = [symbols] if is_one else list(symbols)
    if not wanted:
        raise KeyNotFoundError("no symbol is named", fix=nearest("", known) or "the lake is empty")
    return list(dict.fromkeys(_instrument(name, known) for name in wanted))


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


def _instrument(name: object, known: Collection[str]) -> str:
    if not isinstance(name, str):
        raise KeyNotFoundError(
            f"a symbol is text, not {name!r}", fix="put it into quotes: '000001' is not 1"
        )
    if name in known:
        return name
    bare = {instrument.partition(".")[2]: instrument for instrument in known}
    owners = sorted(one for one in known if one.partition(".")[2] == name)
    if len(owners) > 1:
        raise KeyNotFoundError(
            f"{len(owners)} data sets have a symbol {name!r}", fix=f"name one: {', '.join(owners)}"
        )
    if owners:
        return owners[0]
    hint = nearest(name, known) if "." in name else nearest(name, bare)
    raise KeyNotFoundError(f"no symbol {name!r}", fix=hint or "the lake holds no such table yet")
