"""What a run tells Dagster of the partitions that it makes, each as soon as it is made."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import dagster as dg
from dagster._core.definitions.data_version import (
    CODE_VERSION_TAG,
    DATA_VERSION_IS_USER_PROVIDED_TAG,
    DATA_VERSION_TAG,
    get_input_data_version_tag,
    get_input_event_pointer_tag,
)
from dagster._core.definitions.source_asset import SYSTEM_METADATA_KEY_SOURCE_ASSET_OBSERVATION

from fints_pipeline.base.digest import text_digest
from fints_pipeline.defs.instrument import TABLES

PartitionKey = str | dg.MultiPartitionKey

CODE_VERSION = "1"
"""Of the series assets, for Dagster's badge; each stage's own stands in its lineage."""
PARENTS = {
    "bars": ("raw_slices",),
    "exogenous_series": ("raw_exogenous",),
    "news_items": ("raw_news",),
    "news_bars": ("bars", "news_items"),
    "features": ("bars", "exogenous_series", "news_bars"),
    "labels": ("bars", "features"),
    "brooks_tokens": ("bars", "brooks_tokens"),
}
"""What each series and source asset depends on in the asset graph."""
_MAKERS = {
    **TABLES,
    "exogenous": "exogenous_series",
    "news": "news_items",
    "raw_exogenous": "raw_exogenous",
    "raw_news": "raw_news",
}
"""The asset that makes each table that may be an input."""


@dataclass(frozen=True)
class Verdict:
    """What one check says of one partition.

    Attributes:
        check: The check's name.
        passed: Whether it passed.
        evidence: Metadata that shows why.
        blocking: Whether what is downstream would be wrong if it failed.
    """

    check: str
    passed: bool
    evidence: Mapping[str, Any] = field(default_factory=dict)
    blocking: bool = True


@dataclass(frozen=True)
class Made:
    """One partition as it lies in the lake.

    Attributes:
        version: Digest of its content.
        inputs: Digest of each input, by its key's string.
        metadata: What its page shows.
    """

    version: str
    inputs: Mapping[str, str]
    metadata: Mapping[str, Any]


NOTHING_DELIVERED = Made(
    "nothing-delivered",
    {},
    {
        "dagster/row_count": 0,
        "note": "No archive holds rows of this month: there is nothing to make.",
    },
)
"""What a sweep says of a month without data, or its backfill would end as failed.

A backfill also takes in the months after those that were chosen, since what it makes depends on
months before.
"""


def ends(context: dg.AssetExecutionContext) -> Iterator[dg.MaterializeResult | dg.Output]:
    """Yield the end of an asset's function that has yielded its partitions' events itself.

    Dagster would add one more event a partition, all with one data version. For assets that report
    by themselves it has a mark, which keeps it from that and lets the next step run.
    """
    for check in context.selected_asset_check_keys:
        name = context.assets_def.get_output_name_for_asset_check_key(check)
        yield dg.Output(None, output_name=name)
    yield dg.MaterializeResult(metadata={SYSTEM_METADATA_KEY_SOURCE_ASSET_OBSERVATION: True})


NOT_ASKED_FOR = Made(
    "not-asked-for",
    {},
    {"dagster/row_count": 0, "note": "The data set asks for none: it has no section for it."},
)
"""What is said of an asset that a data set may do without, and does."""


class Reporter:
    """Makes a run's events.

    Args:
        context: The run's context.
    """

    def __init__(self, context: dg.AssetExecutionContext) -> None:
        self._storage = context.instance.event_log_storage
        self._log = context.log

    def waits(self, name: str) -> Callable[[], None]:
        """Return what says in the run's log that another run makes ``name`` at present."""
        return lambda: self._log.info(f"waiting for another run that makes {name}")

    def materialization(
        self, asset: str, partition: PartitionKey, made: Made
    ) -> dg.AssetMaterialization:
        """Return the event of a partition that was made, with the tags that Dagster's badge reads.

        A dependency counts as seen up to the last event before this one.
        """
        seen = str(self._storage.get_maximum_record_id() or 0)
        tags = {
            DATA_VERSION_TAG: made.version,
            DATA_VERSION_IS_USER_PROVIDED_TAG: "true",
            CODE_VERSION_TAG: CODE_VERSION,
        }
        for parent in PARENTS[asset]:
            key = dg.AssetKey(parent)
            tags[get_input_data_version_tag(key)] = _version_of(parent, made.inputs)
            tags[get_input_event_pointer_tag(key)] = seen
        return dg.AssetMaterialization(
            asset, partition=partition, metadata=made.metadata, tags=tags
        )

    def evaluation(
        self, asset: str, partition: PartitionKey, verdict: Verdict
    ) -> dg.AssetCheckEvaluation:
        """Return the event of a check of one partition.

        Not one that blocks for Dagster, which would end the step and skip all that follows, sound
        months too: a stage takes a partition that failed a check away again, or never writes it.
        """
        return dg.AssetCheckEvaluation(
            asset_key=dg.AssetKey(asset),
            check_name=verdict.check,
            passed=verdict.passed,
            metadata=verdict.evidence,
            severity=dg.AssetCheckSeverity.ERROR
            if verdict.blocking
            else dg.AssetCheckSeverity.WARN,
            blocking=False,
            partition=str(partition),
        )


def _version_of(asset: str, inputs: Mapping[str, str]) -> str:
    """Return the digest of the inputs that an asset made; what no series asset did is a slice."""
    own = {key: digest for key, digest in inputs.items() if _asset_of(key) == asset}
    return text_digest(*(f"{key}={digest}" for key, digest in sorted(own.items())))


def _asset_of(key: str) -> str:
    return _MAKERS.get(key.partition("/")[0], "raw_slices")
