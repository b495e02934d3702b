"""Finding what nothing in the lake refers to any more, and removing it."""

from __future__ import annotations

from collections.abc import Iterator

from fints_pipeline.base.lake import Lake
from fints_pipeline.base.lake.buckets import BucketStore
from fints_pipeline.data.maintenance import bucket_garbage, bundle_garbage, machine_garbage
from fints_pipeline.data.maintenance.garbage import Garbage

MIN_AGE_HOURS = 1.0
"""How long nothing may have touched what is collected: a writer may still be at work on it."""


def find_garbage(lake: Lake, min_age_hours: float = MIN_AGE_HOURS) -> list[Garbage]:
    """Return what nothing refers to and nothing has touched for a while; removes nothing.

    What lies in a bucket is as old as the bucket says; no two clocks are compared.

    Raises:
        LakeError: a partition is damaged, so that what it refers to is not known.
    """
    return list(_found(lake, min_age_hours * 3600))


def collect(lake: Lake, min_age_hours: float = MIN_AGE_HOURS) -> list[Garbage]:
    """Remove what `find_garbage` finds; return what is gone. What someone holds stays.

    Staging waits meanwhile, so that no archive is read whose folder goes.

    Raises:
        LakeError: a partition is damaged, so that what it refers to is not known.
    """
    with machine_garbage.staging_waits(lake):
        return [one for one in find_garbage(lake, min_age_hours) if one.remove()]


def _found(lake: Lake, min_age: float) -> Iterator[Garbage]:
    yield from machine_garbage.find(lake, min_age)
    yield from bundle_garbage.find(lake, min_age)
    if isinstance(lake.store, BucketStore):
        yield from bucket_garbage.find(lake.store, min_age)
