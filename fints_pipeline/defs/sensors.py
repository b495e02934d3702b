"""Sensors, off until someone turns them on."""

from collections.abc import MutableMapping

import dagster as dg

from fints_pipeline.base.digest import text_digest
from fints_pipeline.base.lake.snapshot import Snapshot
from fints_pipeline.base.locations import Locations
from fints_pipeline.defs.cadence import has_partition
from fints_pipeline.defs.deliveries import OutdatedSource, outdated_sources
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
    """Request `ingest` when the inbox changed, and the jobs of whatever is stale.

    That is `exogenous` for each series, `news` for each subject, `data` for each instrument.

    The cursor is the inbox's fingerprint. The same state of affairs is asked for once.
    """
    from fints_pipeline.data import inbox

    locations = project.locations
    if not locations.inbox.is_dir():
        return dg.SkipReason(
            f"there is no inbox yet: make {locations.inbox} and drop archives there"
        )
    requests = []
    fingerprint = inbox.fingerprint(locations.inbox)
    if fingerprint != context.cursor:
        requests.append(dg.RunRequest(run_key=f"ingest:{fingerprint}", job_name=ingest.name))
    known = look(locations)
    stale = list(outdated_sources(locations, known))
    requests += [_remake(item) for item in stale]
    refused: dict[str, str] = {}
    requests += _refreshes(locations, known, refused)
    for name, why in refused.items():
        context.log.error(f"{name} is passed over: {why}")
    added = {INSTRUMENTS: known.instruments("raw_bars")}
    for source in sources().values():
        added[source.partitions] = [item.name for item in stale if item.asset == source.name]
    return dg.SensorResult(
        run_requests=requests,
        dynamic_partitions_requests=[
            definition.build_add_request(keys) for definition, keys in added.items() if keys
        ],
        cursor=fingerprint,
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


def _remake(item: OutdatedSource) -> dg.RunRequest:
    """Return the request for a series or subject, named by what is stale about it and why."""
    return dg.RunRequest(
        run_key=f"{item.job}:{item.name}:{item.fingerprint}",
        job_name=item.job,
        partition_key=item.name,
    )


def _refreshes(
    locations: Locations, known: Snapshot, refused: MutableMapping[str, str]
) -> list[dg.RunRequest]:
    """Return one request an instrument: of all its months what is stale, and what gets so thereby.

    Its run key names what is stale and why, so that a run that failed is not asked for again until
    something changes.
    """
    stale: dict[str, list[Outdated]] = {}
    for item in outdated(locations, known=known, refused=refused):
        stale.setdefault(item.instrument, []).append(item)
    bases: dict[str, str] = {}
    requests = []
    for name, items in stale.items():
        dataset = name.partition(".")[0]
        if dataset not in bases:
            bases[dataset] = Instrument(locations, name).dataset.base_frequency
        staged = list(filter(has_partition, known.months("raw_bars", bases[dataset], name)))
        requests.append(_refresh(name, staged, items))
    return requests


def _refresh(instrument: str, staged: list[str], stale: list[Outdated]) -> dg.RunRequest:
    cause = text_digest(*(item.fingerprint for item in stale))
    return dg.RunRequest(
        run_key=f"data:{instrument}:{cause}",
        job_name=data.name,
        tags=range_tags(instrument, staged[0], staged[-1]) | {ONLY_TAG: STALE},
    )
