"""What a file is: every format's verdict on it, its rows as parsed, its gaps."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt

from fints_pipeline.base.components import available, load_component
from fints_pipeline.base.errors import ConfigError, UserError
from fints_pipeline.base.scratch import scratch
from fints_pipeline.data import archives
from fints_pipeline.data.archives import Member, StagedArchive
from fints_pipeline.data.config import DatasetConfig
from fints_pipeline.data.formats._base import PRICES, Evidence, Format, ParsedBars
from fints_pipeline.data.layout_guess import Guess, guess_layout
from fints_pipeline.data.limits import Limits
from fints_pipeline.data.outside import Outside, why_not
from fints_pipeline.data.source_file import SourceFile
from fints_pipeline.data.sources import FORMATS, Source, load_sources
from fints_pipeline.data.ticks import estimate_tick

CUSTOM = "custom"
_MINUTES = {1: "1m", 5: "5m", 15: "15m", 30: "30m", 60: "1h", 1440: "1D"}
_MOST_GAPS = 3


@dataclass(frozen=True)
class Gaps:
    """How a file's stamps run.

    Attributes:
        step_minutes: The usual step.
        count: Steps longer than that.
        longest: The longest of them: from, to.
        backwards: Steps back in time, or to the same stamp, in file order.
    """

    step_minutes: float
    count: int
    longest: tuple[tuple[str, str], ...]
    backwards: int


@dataclass
class Finding:
    """What one member of an archive is.

    Attributes:
        file: The member.
        verdicts: Each format's evidence, by name.
        datasets: Configured data sets that take it.
        others: Each configured series and source of news: why it cannot be one of its files, or
            None.
        form: The format that reads it, None where none does.
        timezone: The zone that naive stamps were taken for.
        guess: What an unknown table seems to be.
        bars: Its rows, None where they could not be read.
        error: Why not.
    """

    file: SourceFile
    verdicts: dict[str, Evidence] = field(default_factory=dict)
    datasets: tuple[str, ...] = ()
    others: dict[str, str | None] = field(default_factory=dict)
    form: Format | None = None
    timezone: str = "UTC"
    guess: Guess | None = None
    bars: ParsedBars | None = None
    error: UserError | None = None

    @property
    def frequency(self) -> str:
        """The bars' length: as the format says, or as the stamps show."""
        if self.form is not None and self.form.frequencies:
            return self.form.frequencies[0]
        gaps = self.gaps
        return _MINUTES.get(round(gaps.step_minutes), "1m") if gaps else "1m"

    @property
    def symbol(self) -> str | None:
        """The symbol that a name tells, or the first one in the rows."""
        if self.bars is not None and self.bars.symbols is not None and len(self.bars.symbols):
            return str(self.bars.symbols[0].as_py())
        try:
            return self.form.symbol(self.file) if self.form is not None else None
        except UserError:
            return None

    @property
    def tick(self) -> float | None:
        """The smallest price step that the rows show."""
        if self.bars is None:
            return None
        columns = [self.bars.table.column(name).to_numpy() for name in PRICES]
        return estimate_tick(np.concatenate(columns))

    @property
    def gaps(self) -> Gaps | None:
        """How the stamps run; None for fewer than two rows or several symbols."""
        if self.bars is None or self.bars.symbols is not None or self.bars.table.num_rows < 2:
            return None
        return _gaps(self.bars.table.column("open_time").to_numpy().astype("datetime64[us]"))


@contextmanager
def inspected(
    path: Path,
    datasets: Sequence[DatasetConfig],
    most_members: int = 3,
    others: Outside | None = None,
    limits: Limits | None = None,
) -> Iterator[tuple[StagedArchive, list[Finding]]]:
    """Unpack a file into a temporary folder and yield it with what its first members are.

    Raises:
        ArchiveError: the file is refused.
        ConfigError: the datasets contradict themselves.
    """
    sources = load_sources(datasets)
    with scratch("inspect") as folder:
        staged = archives.stage(path, folder, limits)
        yield (
            staged,
            [
                _find(staged, member, path.name, sources, others or Outside())
                for member in staged.members[:most_members]
            ],
        )


def _find(
    staged: StagedArchive,
    member: Member,
    archive: str,
    sources: Sequence[Source],
    others: Outside,
) -> Finding:
    found = Finding(SourceFile(staged.path(member), member.name, archive))
    found.others = {each.name: why_not(found.file, each) for each in others.configs}
    for name in available(FORMATS, Format):  # type: ignore[type-abstract]
        form = _plain_format(name)
        if form is not None:
            found.verdicts[name] = _verdict(form, found.file)
            if found.verdicts[name].matches:
                found.form = form
    takers = [source for source in sources if _verdict(source.format, found.file).matches]
    found.datasets = tuple(source.name for source in takers)
    real = [source for source in takers if not source.config.synthetic]
    if real:
        config = real[0].config
        found.form, found.timezone = real[0].format, config.timezone
        _read(found, config.base_frequency)
    elif found.form is not None:
        _read(found, found.form.frequencies[0])
    elif None not in found.others.values():
        _guess(found)
    return found


def _plain_format(name: str) -> Format | None:
    """Return a format that needs to be told nothing, None for one that does."""
    try:
        return load_component(FORMATS, Format, {"name": name})  # type: ignore[type-abstract]
    except ConfigError:
        return None


def _verdict(form: Format, file: SourceFile) -> Evidence:
    try:
        return form.recognise(file)
    except UserError as error:
        return Evidence(False, (error.what,))


def _guess(found: Finding) -> None:
    found.guess = guess_layout(found.file)
    if not found.guess.complete:
        return
    try:
        spec = {**found.guess.layout, "name": CUSTOM}
        found.form = load_component(FORMATS, Format, spec)  # type: ignore[type-abstract]
    except ConfigError as error:
        found.guess.open_questions.append(error.what)
        return
    _read(found, "1m")


def _read(found: Finding, frequency: str) -> None:
    if found.form is None or _verdict(found.form, found.file).holds != "bars":
        return
    file = found.file
    try:
        found.bars = found.form.read(
            SourceFile(file.path, file.member, file.archive, found.timezone, frequency)
        )
    except UserError as error:
        found.error = error


def _gaps(stamps: npt.NDArray[np.datetime64]) -> Gaps | None:
    steps = np.diff(stamps)
    ordered = np.unique(stamps)
    spans = np.diff(ordered)
    if not spans.size:
        return None
    usual, counts = np.unique(spans, return_counts=True)
    step = usual[np.argmax(counts)]
    long = np.flatnonzero(spans > step)
    widest = long[np.argsort(-spans[long], kind="stable")][:_MOST_GAPS]
    longest = tuple((_text(ordered[at]), _text(ordered[at + 1])) for at in widest)
    ascending = (steps > np.timedelta64(0)).sum() >= steps.size / 2
    backwards = steps <= np.timedelta64(0) if ascending else steps >= np.timedelta64(0)
    minutes = float(step / np.timedelta64(1, "m"))
    return Gaps(minutes, int(long.size), longest, int(backwards.sum()))


def _text(stamp: np.datetime64) -> str:
    return str(stamp.astype("datetime64[m]")).replace("T", " ")
