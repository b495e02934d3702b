"""Files of the inbox that hold no bars: exogenous series and news, by what their configs claim."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from fints_pipeline.base.config import load_config
from fints_pipeline.base.errors import ArchiveError, ConfigError, FormatError
from fints_pipeline.base.lake import Lake
from fints_pipeline.base.locations import Locations
from fints_pipeline.data.archives import Member, StagedArchive
from fints_pipeline.data.exogenous import intake as exogenous_intake
from fints_pipeline.data.exogenous import series_file
from fints_pipeline.data.exogenous.config import ExogenousConfig
from fints_pipeline.data.news import intake as news_intake
from fints_pipeline.data.news import items
from fints_pipeline.data.news.config import NewsConfig
from fints_pipeline.data.source_file import SourceFile
from fints_pipeline.data.taken import Intake

_DATA = (".csv", ".parquet", ".feather", ".jsonl", ".ndjson")
_MOST_NAMED = 3


@dataclass(frozen=True)
class Outside:
    """Everything from outside the traded market that is configured.

    Attributes:
        series: The exogenous series.
        news: The sources of news.
    """

    series: tuple[ExogenousConfig, ...] = ()
    news: tuple[NewsConfig, ...] = ()

    @property
    def configs(self) -> tuple[ExogenousConfig | NewsConfig, ...]:
        """All of them."""
        return (*self.series, *self.news)


@dataclass(frozen=True)
class OutsideClaim:
    """A file that a series or a source of news takes.

    Attributes:
        config: Whose it is.
        members: The members that hold rows or items.
        by_name: Whether its name or its folder says so, not its columns alone.
    """

    config: ExogenousConfig | NewsConfig
    members: tuple[Member, ...]
    by_name: bool

    @property
    def told(self) -> str:
        """How messages name the taker."""
        return f"{_kind(self.config)} {self.config.name!r}"


def load_outside(locations: Locations) -> Outside:
    """Return what is configured under configs/exogenous and configs/news.

    Raises:
        ConfigError: a file is wrong, or its name is not that of what it describes.
    """
    series = {path: load_config(path, ExogenousConfig) for path in locations.exogenous_configs()}
    news = {path: load_config(path, NewsConfig) for path in locations.news_configs()}
    found = Outside(tuple(series.values()), tuple(news.values()))
    for path, config in zip([*series, *news], found.configs, strict=True):
        if path.stem != config.name:
            raise ConfigError(
                f"the file is called {path.stem!r}, but what it describes {config.name!r}",
                where=str(path),
                fix="give both one name",
            )
    names = [config.name for config in found.configs]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise ConfigError(
            f"a series and a source of news are both called {twice[0]!r}",
            where=str(locations.configs),
            fix="rename one: their columns would have one name",
        )
    return found


def claim(
    staged: StagedArchive,
    archive: str,
    folder: str | None,
    outside: Outside,
    datasets: Collection[str] = (),
) -> tuple[OutsideClaim | None, str]:
    """Return the series or source that takes a staged archive, if one does, and the evidence.

    Args:
        staged: The archive.
        archive: Its file name.
        folder: First folder below the inbox; what is called so takes the file.
        outside: What is configured.
        datasets: Names of the data sets of bars. A folder called after one of them holds bars, and
            other things only if a series or source has that name as well.

    Returns:
        The claim, or None; and why the others do not take it.

    Raises:
        FormatError: several take it, or it lies in the folder of one that cannot.
    """
    owner = [config for config in outside.configs if config.name == folder]
    if folder in datasets and not owner:
        return None, ""
    found: list[OutsideClaim] = []
    reasons = []
    for config in owner or outside.configs:
        named = bool(owner) or _is_named(archive, config)
        if config.files is not None and not named:
            continue
        members, why = _judge(staged, archive, config)
        if members:
            found.append(OutsideClaim(config, members, named))
        else:
            reasons.append(f"{_kind(config)} {config.name}: {why}")
    if any(each.by_name for each in found):
        found = [each for each in found if each.by_name]
    if len(found) > 1:
        names = ", ".join(each.config.name for each in found)
        raise FormatError(
            f"the content fits {len(found)} series or sources of news: {names}",
            fix="give their configs `files:`, or put the file into a folder of the inbox called "
            f"after one ({names})",
        )
    evidence = "; ".join(reasons)
    if owner and not found and folder not in datasets:
        raise FormatError(
            f"not what {_kind(owner[0])} {owner[0].name!r} expects of its files",
            where=evidence,
            fix="mend its config, or move the file out of the folder",
        )
    return (found[0] if found else None), evidence


def take(lake: Lake, relative: str, staged: StagedArchive, claimed: OutsideClaim) -> Intake:
    """Put a claimed archive's rows into the lake.

    Raises:
        FormatError: they do not fit the config; the lake is as before.
        ArchiveError: the archive is damaged.
    """
    config = claimed.config
    if isinstance(config, ExogenousConfig):
        return exogenous_intake.take(lake, relative, staged, claimed.members, config)
    return news_intake.take(lake, relative, staged, claimed.members, config)


def why_not(file: SourceFile, config: ExogenousConfig | NewsConfig) -> str | None:
    """Return why a file cannot be one of a series or source, or None if it can."""
    try:
        if isinstance(config, ExogenousConfig):
            return series_file.why_not(file, config)
        return items.why_not(file, config)
    except ArchiveError as error:
        return error.what


def _judge(
    staged: StagedArchive, archive: str, config: ExogenousConfig | NewsConfig
) -> tuple[tuple[Member, ...], str]:
    """Return the members that a config takes, or none and why; what is not data is passed over."""
    verdicts = [
        (member, why_not(SourceFile(staged.path(member), member.name, archive), config))
        for member in staged.members
    ]
    fitting = tuple(member for member, why in verdicts if why is None)
    strange = [(m, why) for m, why in verdicts if why and (not fitting or _is_data(m))]
    if not strange:
        return fitting, ""
    told: Sequence[str] = [f"{member.name!r}: {why}" for member, why in strange[:_MOST_NAMED]]
    return (), "; ".join(told)


def _is_named(archive: str, config: ExogenousConfig | NewsConfig) -> bool:
    return config.files is not None and re.search(config.files, archive) is not None


def _is_data(member: Member) -> bool:
    return member.name.casefold().endswith(_DATA)


def _kind(config: ExogenousConfig | NewsConfig) -> str:
    return "series" if isinstance(config, ExogenousConfig) else "source of news"
