"""Which dataset a file belongs to: by its folder, or else by what its content shows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from fints_pipeline.base.components import load_component
from fints_pipeline.base.config import fingerprint
from fints_pipeline.base.errors import ArchiveError, ConfigError, FormatError
from fints_pipeline.data.archives import Member, StagedArchive
from fints_pipeline.data.config import DatasetConfig
from fints_pipeline.data.formats._base import Evidence, Format
from fints_pipeline.data.source_file import SourceFile

FORMATS = "fints_pipeline.data.formats"
_MOST_NAMED = 3


@dataclass(frozen=True)
class Source:
    """A dataset and the format that its files have."""

    config: DatasetConfig
    format: Format

    @property
    def name(self) -> str:
        """The dataset's name."""
        return self.config.name

    @cached_property
    def fingerprint(self) -> str:
        """Changes when the same bytes would make other raw bars."""
        config = self.config
        return fingerprint(
            {
                "name": config.name,
                "format": config.format,
                "version": self.format.version,
                "layout": config.layout,
                "base_frequency": config.base_frequency,
                "timezone": config.timezone,
                "has_volume": config.has_volume,
                "calendar": config.calendar,
                "calendars": config.calendars,
            }
        )


@dataclass(frozen=True)
class Claim:
    """A file that a dataset takes.

    Attributes:
        source: The dataset.
        members: The members that hold bars or corporate actions; none where the file is one that
            vendors put beside their bars.
        notes: Members that were passed over.
        tickers: The members that tell which tickers an instrument had.
    """

    source: Source
    members: tuple[Member, ...]
    notes: tuple[str, ...]
    tickers: tuple[Member, ...] = ()


def load_sources(datasets: Sequence[DatasetConfig]) -> list[Source]:
    """Return each dataset with its format.

    Raises:
        ConfigError: two datasets have one name, a format does not exist, or a dataset declares a
            layout, time zone or bar length that its format cannot have.
    """
    names = [config.name for config in datasets]
    for name in names:
        if names.count(name) > 1:
            raise ConfigError(f"two datasets are called {name!r}", fix="rename one")
    found = []
    for config in datasets:
        # The loader takes an abstract base and returns one of its concrete subclasses.
        spec = {**config.layout, "name": config.format}
        form = load_component(FORMATS, Format, spec)  # type: ignore[type-abstract]
        form.check_zone(config.timezone)
        if form.frequencies and config.base_frequency not in form.frequencies:
            length = " or ".join(form.frequencies)
            raise ConfigError(
                f"{config.format} holds bars of {length}, dataset {config.name!r} declares "
                f"{config.base_frequency}",
                fix=f"set `base_frequency: {length}`",
            )
        found.append(Source(config, form))
    return found


def claim(
    staged: StagedArchive, archive: str, folder: str | None, sources: Sequence[Source]
) -> Claim:
    """Return the dataset that a staged archive belongs to, and which of its members hold bars.

    Args:
        staged: The archive.
        archive: Its file name.
        folder: First folder below the inbox; a dataset of that name takes the file.
        sources: The configured datasets. Synthetic ones take nothing but what lies in their folder:
            real bars must not become synthetic by looking alike, nor the other way round.

    Raises:
        FormatError: the file has not the format of its folder's dataset, or fits no dataset or
            several; the message holds the evidence.
    """
    owner = next((source for source in sources if source.name == folder), None)
    candidates = [owner] if owner else [each for each in sources if not each.config.synthetic]
    verdicts = [(each, _judge(staged, archive, each)) for each in candidates]
    takers = [(each, found) for each, found in verdicts if isinstance(found, Claim)]
    if len(takers) == 1:
        return takers[0][1]
    if takers:
        names = ", ".join(each.name for each, _ in takers)
        raise FormatError(
            f"the content fits {len(takers)} datasets: {names}",
            fix=f"put the file into a folder of the inbox called after its dataset ({names})",
        )
    evidence = "; ".join(f"{each.name} ({each.config.format}): {why}" for each, why in verdicts)
    if owner:
        raise FormatError(
            f"not in the format {owner.config.format} that dataset {owner.name!r} declares",
            where=evidence,
        )
    raise FormatError(
        "the content fits none of the configured datasets",
        where=evidence or "no dataset is configured that takes files by content",
        fix="write a dataset config for it, or move it out of the inbox",
    )


def claim_actions(folder: str | None, sources: Sequence[Source]) -> str:
    """Return the name of the dataset that a corporate-actions file belongs to.

    Raises:
        FormatError: it lies in no dataset's folder, and there are several datasets (or none).
    """
    names = [source.name for source in sources]
    if folder in names:
        return str(folder)
    real = [source.name for source in sources if not source.config.synthetic]
    if len(real) == 1:
        return real[0]
    raise FormatError(
        "it does not say which dataset its symbols belong to",
        fix=f"put the file into a dataset's folder of the inbox ({', '.join(names) or 'none yet'})",
    )


def source_file(staged: StagedArchive, member: Member, source: Source, archive: str) -> SourceFile:
    """Return a member as its dataset's format looks at it."""
    config = source.config
    return SourceFile(
        staged.path(member), member.name, archive, config.timezone, config.base_frequency
    )


def symbol_of(source: Source, file: SourceFile) -> str:
    """Return the symbol of a file; errors name the member.

    Raises:
        ArchiveError: no name holds one.
    """
    try:
        return source.format.symbol(file)
    except ArchiveError as error:
        raise ArchiveError(error.what, where=file.where, fix=error.fix) from None


def _judge(staged: StagedArchive, archive: str, source: Source) -> Claim | str:
    """Return the claim of one dataset on an archive, or why it has none."""
    verdicts = [
        (member, _recognise(source_file(staged, member, source, archive), source))
        for member in staged.members
    ]
    known = [(member, evidence) for member, evidence in verdicts if evidence.matches]
    others = [(member, evidence) for member, evidence in verdicts if not evidence.matches]
    strange = [each for each in others if not known or _is_data(each[0])]
    if strange:
        told = [
            f"{member.name!r}: {', '.join(evidence.reasons)}"
            for member, evidence in strange[:_MOST_NAMED]
        ]
        more = [f"and {len(strange) - _MOST_NAMED} more members"] * (len(strange) > _MOST_NAMED)
        return "; ".join(told + more)
    members = tuple(member for member, evidence in known if evidence.holds in ("bars", "actions"))
    tickers = tuple(member for member, evidence in known if evidence.holds == "tickers")
    beside = [member for member, evidence in known if evidence.holds == "nothing"]
    passed = [*beside, *(member for member, _ in others)]
    notes = tuple(f"passed over {member.name!r}" for member in passed)
    return Claim(source, members, notes, tickers)


def _recognise(file: SourceFile, source: Source) -> Evidence:
    try:
        return source.format.recognise(file)
    except ArchiveError as error:
        # Columnar files are opened to be recognised, and may be damaged inside.
        return Evidence(False, (error.what,))


def _is_data(member: Member) -> bool:
    """Return whether a member claims to hold data; others (a gap report) may be passed over."""
    return member.name.casefold().endswith((".csv", ".parquet", ".feather"))
