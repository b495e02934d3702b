"""News items of a file: JSON lines or a table, by the names that the source's config gives.

The layout of stocknet (a folder a ticker, a file a day, a tweet a line) is one of JSON lines whose
symbol is the last folder. Source: Xu and Cohen (2018),
https://github.com/yumoxu/stocknet-dataset. Its files' names hold days, but a tweet says itself when
it was published, to the second; the file's day is not used.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import datetime
from pathlib import PurePosixPath

import pandas as pd
import pyarrow as pa

from fints_pipeline.base.errors import ArchiveError, FormatError
from fints_pipeline.base.frames import to_arrow
from fints_pipeline.data import cells
from fints_pipeline.data.archives import StagedArchive
from fints_pipeline.data.formats._base import check_symbol
from fints_pipeline.data.news.config import NewsConfig
from fints_pipeline.data.source_file import SourceFile
from fints_pipeline.data.unpacking import Member
from fints_pipeline.schemas.raw_news import RAW_NEWS

_COLUMNS = ("symbol", "published_at", "text")


def why_not(file: SourceFile, config: NewsConfig) -> str | None:
    """Return why a file cannot be one of the source, or None if its beginning says that it can."""
    if not _is_json(file):
        why = cells.missing_column(file, config.columns, config.separator)
        if why is None and config.symbol is None:
            return _why_no_folder(file)
        return why
    if config.symbol is None and (why := _why_no_folder(file)):
        return why
    line = next((each for each in file.head.splitlines() if each.strip()), b"")
    try:
        content = json.loads(line)
    except ValueError:
        # The first line may be longer than what is looked at.
        return None if b"\n" not in file.head else "its first line is not JSON"
    missing = [name for name in config.columns if name not in content]
    return f"no key {missing[0]!r} (has {', '.join(content)})" if missing else None


def read_archive(
    staged: StagedArchive, members: Iterable[Member], archive: str, config: NewsConfig
) -> pa.Table:
    """Return the items of an archive's members in the columns of ``raw_news``, in file order.

    Raises:
        FormatError: a line or row is not an item; names file and line.
        ArchiveError: a member is damaged.
    """
    files = [SourceFile(staged.path(each), each.name, archive) for each in members]
    frames = [read_items(file, config) for file in files]
    frame = pd.concat(frames, ignore_index=True)
    return with_origin(frame, staged.sha256, staged.known_at, config)


def with_origin(
    frame: pd.DataFrame, sha256: str, delivered: datetime, config: NewsConfig
) -> pa.Table:
    """Return items (``symbol``, ``published_at``, ``text``) as those of one delivery."""
    known_at = pd.Timestamp(delivered).tz_convert("UTC").as_unit("us")
    rows = frame.assign(
        instrument=f"{config.name}." + frame["symbol"],
        archive=sha256,
        source_row=range(1, len(frame) + 1),
        known_at=known_at,
    )
    return to_arrow(rows, RAW_NEWS.arrow_schema)


def read_items(file: SourceFile, config: NewsConfig) -> pd.DataFrame:
    """Return ``symbol``, ``published_at`` (UTC) and ``text`` of a file's items, in file order.

    Raises:
        FormatError: a line or row is not an item; names file and line.
        ArchiveError: the file is damaged.
    """
    raw = _json_lines(file, config) if _is_json(file) else _table(file, config)
    if config.symbol is None:
        raw["symbol"] = _symbol(_folder(file), file.where)
    if raw.empty:
        raw["published_at"] = pd.Series(dtype="datetime64[us, UTC]")
        return raw[list(_COLUMNS)]
    published = raw["time"].rename(config.time)
    raw["published_at"] = cells.stamps(published, file.where, config.time_format, config.timezone)
    return raw[list(_COLUMNS)]


def _is_json(file: SourceFile) -> bool:
    return file.head.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"{")


def _folder(file: SourceFile) -> str:
    return PurePosixPath(file.member).parent.name


def _why_no_folder(file: SourceFile) -> str | None:
    return None if _folder(file) else "it lies in no folder that is called after its symbol"


def _json_lines(file: SourceFile, config: NewsConfig) -> pd.DataFrame:
    rows: dict[str, list[object]] = {"time": [], "text": [], "symbol": []}
    with file.path.open("rb") as stream:
        for number, line in enumerate(stream, 1):
            if not line.strip():
                continue
            place = f"{file.where}, line {number}"
            try:
                content = json.loads(line)
                rows["time"].append(str(content[config.time]))
                rows["text"].append(_words(content[config.text]))
                rows["symbol"].append("")
                if config.symbol is not None:
                    rows["symbol"][-1] = _symbol(content[config.symbol], place)
            except (ValueError, KeyError, TypeError, RecursionError) as error:
                raise FormatError(
                    f"not an item of {config.name}: {_told(error)}",
                    where=place,
                ) from None
    return pd.DataFrame(rows, dtype=object)


def _told(error: Exception) -> str:
    return f"no key {error}" if isinstance(error, KeyError) else str(error)


def _symbol(value: object, where: str) -> str:
    """Return a symbol that partitions can be called after.

    Raises:
        TypeError: it is no text.
        FormatError: it has characters that no symbol has.
    """
    if not isinstance(value, str):
        raise TypeError("the symbol is not a text")
    try:
        return check_symbol(value.strip())
    except ArchiveError as error:
        raise FormatError(error.what, where=where, fix="mend the symbol in the source") from None


def _words(value: object) -> str:
    """Return a text with single spaces between its words."""
    if isinstance(value, list) and all(isinstance(word, str) for word in value):
        value = " ".join(value)
    if not isinstance(value, str):
        raise TypeError("the text is neither a text nor a list of words")
    return " ".join(value.split())


def _table(file: SourceFile, config: NewsConfig) -> pd.DataFrame:
    raw = cells.read_cells(file, config.columns, config.separator)
    names = {config.time: "time", config.text: "text"}
    if config.symbol is not None:
        names[config.symbol] = "symbol"
    raw = raw.rename(columns=names)
    for name in names.values():
        absent = raw[name].isna()
        if absent.any():
            raise FormatError(
                f"an item has no {name}",
                where=f"{file.where}: row {int(absent.to_numpy().argmax()) + 1}",
            )
    raw["text"] = [_words(text) for text in raw["text"].astype(str)]
    if config.symbol is not None:
        raw["symbol"] = raw["symbol"].astype(str).str.strip()
        firsts = raw["symbol"].drop_duplicates()
        for row, symbol in zip(firsts.index.to_numpy(), firsts, strict=True):
            _symbol(symbol, f"{file.where}: row {row + 1}")
    return raw
