"""Sensors, off until someone turns them on."""

from collections.abc import MutableMapping

import dagster as dg

from fints_pipeline.base.digest import file_sha256, text_digest
from fints_pipeline.base.errors import UserError
from fints_pipeline.base.lake.snapshot import Snapshot
from fints_pipeline.base.locations import Locations
from fints_pipeline.defs.archives import dataset_configs
from fints_pipeline.defs.asked import Asked, Errand
from fints_pipeline.defs.cadence import has_partition
from fints_pipeline.defs.deliveries import outdated_sources
from fints_pipeline.defs.folds import complete_folds, fold_keys
from fints_pipeline.defs.instrument import Instrument
from fints_pipeline.defs.jobs import data, exogenous, ingest, news
from fints_pipeline.defs.partitions import EXPERIMENTS, FOLDS, INSTRUMENTS
from fints_pipeline.defs.reconcile import Outdated, look, outdated
from fints_pipeline.defs.resources import Project
from fints_pipeline.defs.sources import sources
from fints_pipeline.defs.targets import ONLY_TAG, STALE, range_tags


@dg.sensor(
    jobs=[ingest, exogenous, news, data],
    minimum_interval_seconds=30,
    description="New files in the inbox: stage them, then make the months that they touch.",
)
def inbox_sensor(context: dg.SensorEvaluationContext, project: Project):
    """Request `ingest` when the inbox or the rules to read it changed, and jobs of what is stale.

    That is `exogenous` for each series, `news` for each subject, `data` for each instrument.

    The same state of affairs is asked for once, and again when it returns after another one: the
    cursor holds what was asked for.
    """
    locations = project.locations
    if not locations.inbox.is_dir():
        return dg.SkipReason(
            f"there is no inbox yet: make {locations.inbox} and drop archives there"
        )
    known = look(locations)
    stale = list(outdated_sources(locations, known))
    refused: dict[str, str] = {}
    errands = [_staging(locations)]
    errands += [Errand(item.job, item.name, item.fingerprint) for item in stale]
    months = _stale_months(locations, known, refused)
    errands += [_refresh(name, items) for name, items in months.items()]
    for name, why in refused.items():
        context.log.error(f"{name} is passed over: {why}")
    asked = Asked(context.cursor)
    asked.settle(errands)
    new = [(errand, key) for errand in errands if (key := asked.run_key(errand))]
    added = {INSTRUMENTS: known.instruments("raw_bars")}
    for source in sources().values():
        added[source.partitions] = [item.name for item in stale if item.asset == source.name]
    return dg.SensorResult(
        run_requests=[_request(locations, known, errand, key) for errand, key in new],
        dynamic_partitions_requests=[
            definition.build_add_request(keys) for definition, keys in added.items() if keys
        ],
        cursor=asked.cursor,
    )


@dg.sensor(
    minimum_interval_seconds=60,
    description="Experiments under configs/train: add the folds whose test span is complete.",
)
def fold_sensor(context: dg.SensorEvaluationContext, project: Project):
    """Add partitions for experiments and their complete folds; runs are left to the user."""
    found, _ = complete_folds(project.locations)
    return dg.SensorResult(
        dynamic_partitions_requests=[
            EXPERIMENTS.build_add_request(sorted(found)),
            FOLDS.build_add_request(fold_keys(found)),
        ]
    )


def _staging(locations: Locations) -> Errand:
    """Return the errand to stage the inbox, in the state of its files and their rules."""
    from fints_pipeline.data import inbox

    state = text_digest(inbox.fingerprint(locations.inbox), _rules(locations))
    return Errand(ingest.name, "inbox", state)


def _rules(locations: Locations) -> str:
    """Return what names the rules to read files by; the configs' bytes where one is broken.

    So a mended config is another state, in which the `ingest` that it failed is asked for again.
    """
    from fints_pipeline.data.limits import load_limits
    from fints_pipeline.data.outside import load_outside
    from fints_pipeline.data.sources import load_sources
    from fints_pipeline.data.unstaged import reading_rules

    try:
        datasets = load_sources(dataset_configs(locations))
        return reading_rules(datasets, load_outside(locations), load_limits(locations))
    except UserError:
        paths = [locations.configs / "limits.yaml", *locations.dataset_configs()]
        paths += [*locations.exogenous_configs(), *locations.news_configs()]
        return text_digest(*(f"{path}:{file_sha256(path)}" for path in paths if path.is_file()))


def _stale_months(
    locations: Locations, known: Snapshot, refused: MutableMapping[str, str]
) -> dict[str, list[Outdated]]:
    """Return what is stale of each instrument's months, and what gets so thereby."""
    stale: dict[str, list[Outdated]] = {}
    for item in outdated(locations, known=known, refused=refused):
        stale.setdefault(item.instrument, []).append(item)
    return stale


def _refresh(instrument: str, stale: list[Outdated]) -> Errand:
    """Return the errand for an instrument: one that failed waits until something changes."""
    return Errand(data.name, instrument, text_digest(*(item.fingerprint for item in stale)))


def _request(locations: Locations, known: Snapshot, errand: Errand, key: str) -> dg.RunRequest:
    """Return the request for an errand, under a run key; of an instrument, for all its months."""
    if errand.job == ingest.name:
        return dg.RunRequest(run_key=key, job_name=errand.job)
    if errand.job != data.name:
        return dg.RunRequest(run_key=key, job_name=errand.job, partition_key=errand.partition)
    base = Instrument(locations, errand.partition).dataset.base_frequency
    staged = list(filter(has_partition, known.months("raw_bars", base, errand.partition)))
    return dg.RunRequest(
        run_key=key,
        job_name=errand.job,
        tags=range_tags(errand.partition, staged[0], staged[-1]) | {ONLY_TAG: STALE},
    )
