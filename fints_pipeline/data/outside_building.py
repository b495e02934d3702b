"""The series and scored news that staging made stale, built."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from fints_pipeline.base.errors import UserError
from fints_pipeline.base.lake import Lake
from fints_pipeline.data import archives, exogenous, news, outside
from fints_pipeline.data.exogenous import ExogenousConfig
from fints_pipeline.data.exogenous import partition as series_stage
from fints_pipeline.data.limits import Limits
from fints_pipeline.data.news import NewsConfig
from fints_pipeline.data.news import partition as news_stage
from fints_pipeline.data.outside import Outside
from fints_pipeline.data.staging import FOLDER, under_lock
from fints_pipeline.data.taken import Intake


@dataclass
class OutsideBuilt:
    """What was built.

    Attributes:
        series: Rows of each series that was built, by name.
        news: Months and items of each subject (``source.SYMBOL``) that some were built of.
        failures: Name and reason of what could not be built.
    """

    series: dict[str, int] = field(default_factory=dict)
    news: dict[str, tuple[int, int]] = field(default_factory=dict)
    failures: list[tuple[str, str]] = field(default_factory=list)


def build_stale(lake: Lake, others: Outside) -> OutsideBuilt:
    """Build every series and every subject's month that is missing or out of date."""
    built = OutsideBuilt()
    for config in others.series:
        if series_stage.stale(lake, config):
            try:
                built.series[config.name] = exogenous.build(lake, config).rows
            except UserError as error:
                built.failures.append((config.name, error.what))
    for subject in news.subjects(lake):
        footers = [news.build(lake, subject, month) for month, _ in news_stage.stale(lake, subject)]
        if footers:
            built.news[subject] = len(footers), sum(footer.rows for footer in footers)
    return built


def ingest_file(
    lake: Lake, path: Path, config: ExogenousConfig | NewsConfig, limits: Limits | None = None
) -> Intake:
    """Stage one file of a series or source, wherever it lies, and build what it made stale.

    Raises:
        ArchiveError: the file is refused.
        FormatError: it does not fit the config, or contradicts another delivery.
    """
    path = path.expanduser()
    if isinstance(config, ExogenousConfig):
        single = Outside(series=(config,))
    else:
        single = Outside(news=(config,))
    with under_lock(lake):
        staged = archives.stage(path, lake.root / FOLDER, limits)
        claimed, _ = outside.claim(staged, path.name, config.name, single)
        assert claimed is not None, "the owner of a folder takes the file or refuses it"
        intake = outside.take(lake, path.name, staged, claimed)
    build_stale(lake, single)
    return intake
