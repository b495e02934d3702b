"""What a lake holds now, by the names that lineage gives to partitions and bundles.

`lineage.staleness` compares a series with its inputs. Folds and experiments read bundles too, and
months that lie in a span whether they were there before or not: here what they *would* be made from
now is compared with what they were made from.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from fints_pipeline.base.errors import KeyNotFoundError
from fints_pipeline.base.lake.bundles import BundleKey, BundleManifest
from fints_pipeline.base.lake.footer import Lineage
from fints_pipeline.base.lake.footers import footers_of
from fints_pipeline.base.lake.keys import TableKey, series_key
from fints_pipeline.base.lake.lake import Lake
from fints_pipeline.base.lake.lineage import ABSENT, current_digest
from fints_pipeline.base.lake.tables import tables

_EXPERIMENT = ("experiment",)
BUNDLES: Mapping[str, tuple[str, ...]] = {
    "vocabularies": ("experiment", "fold"),
    "models": ("experiment", "fold", "model"),
    "text": ("encoder", "instrument"),
    "fold_tables": _EXPERIMENT,
    "backtests": _EXPERIMENT,
    "explanations": _EXPERIMENT,
    "reports": _EXPERIMENT,
}
"""Kinds of bundles that lineage names, with the names of their keys' parts."""
_NO_SERIES = frozenset({*BUNDLES, "predictions"})


@dataclass(frozen=True)
class Made:
    """What was made, or was not, compared with what its config and inputs would give now.

    Attributes:
        name: As lineage spells it, for example ``models/demo/2024-01-02/mlm``.
        reasons: One line each; empty when it is current.
        expected: What it would be made from now.
        exists: Whether it is there.
    """

    name: str
    reasons: tuple[str, ...]
    expected: Lineage
    exists: bool

    @property
    def is_current(self) -> bool:
        """Whether it would come out the same."""
        return not self.reasons


class Contents:
    """A lake's tables at one moment, and its bundles as they are asked for.

    A partition that is damaged counts as not there.

    Args:
        lake: The lake.

    Raises:
        LakeError: the lake cannot be read.
    """

    def __init__(self, lake: Lake) -> None:
        self.lake = lake
        self._tables = footers_of(lake.location, str(lake.root)).look(tables(lake))
        self._manifests: dict[str, BundleManifest | None] = {}

    def digest(self, name: str) -> str:
        """Return the digest of a partition or bundle, or `ABSENT`."""
        if _kind(name) not in BUNDLES:
            return current_digest(self._tables, name)
        manifest = self.manifest(name)
        return ABSENT if manifest is None else manifest.digest

    def digests(self, names: Iterable[str]) -> dict[str, str]:
        """Return the digests of those of some partitions and bundles that are there."""
        found = {name: self.digest(name) for name in names}
        return {name: digest for name, digest in found.items() if digest != ABSENT}

    def lineage(self, name: str) -> Lineage | None:
        """Return where a bundle or a fold's predictions come from; None if they are not there."""
        if _kind(name) in BUNDLES:
            manifest = self.manifest(name)
            return None if manifest is None else manifest.lineage
        table, *values = name.split("/")
        key = TableKey(table, tuple(zip(("experiment", "fold"), values, strict=True)))
        return self._tables.lineage(key) if self._tables.exists(key) else None

    def manifest(self, name: str) -> BundleManifest | None:
        """Return a published bundle's manifest; None if there is none."""
        if name not in self._manifests:
            kind, *values = name.split("/")
            key = BundleKey(kind, tuple(zip(BUNDLES[kind], values, strict=True)))
            try:
                self._manifests[name] = self.lake.bundle_manifest(key)
            except KeyNotFoundError:
                self._manifests[name] = None
        return self._manifests[name]

    def months(
        self, table: str, freq: str, instrument: str, first: str, last: str
    ) -> Iterator[str]:
        """Yield the names of a series' partitions from a first to a last month, ascending."""
        for month in self._tables.months(table, freq, instrument):
            if first <= month <= last:
                yield str(series_key(table, freq, instrument, month))

    def made_by(self, name: str) -> str:
        """Return the fingerprint of the config that a series' partition was made with."""
        table, *values = name.split("/")
        return self._tables.lineage(series_key(table, *values)).config_fingerprint

    def read_again(self, name: str, first: str = "", last: str = "") -> dict[str, str]:
        """Return the inputs that something would be made from now.

        These are those that it was made from, as they are now, and of the same series the months of
        a span that have arrived since.

        Args:
            name: What was made; nothing is read of what was not.
            first: The first month of the span that it reads; by default no month arrives.
            last: The last one.
        """
        made = self.lineage(name)
        names = set() if made is None else set(made.inputs)
        for series in {one.rpartition("/")[0] for one in names if _kind(one) not in _NO_SERIES}:
            table, freq, instrument = series.split("/")
            names.update(self.months(table, freq, instrument, first, last))
        return self.digests(names)

    def compare(self, name: str, expected: Lineage) -> Made:
        """Compare what was made with what would be made now.

        Args:
            name: Of a bundle or a fold's predictions.
            expected: Code version, config fingerprint and inputs as they are now.
        """
        made = self.lineage(name)
        if made is None:
            return Made(name, ("missing",), expected, exists=False)
        reasons = []
        for one in sorted({*made.inputs, *expected.inputs}):
            was, now = (side.inputs.get(one, ABSENT) for side in (made, expected))
            if was != now:
                how = "has arrived" if was == ABSENT else "is gone" if now == ABSENT else "changed"
                reasons.append(f"{one} {how}")
        if made.code_version != expected.code_version:
            reasons.append(f"code version {made.code_version} became {expected.code_version}")
        if made.config_fingerprint != expected.config_fingerprint:
            reasons.append("its config changed")
        return Made(name, tuple(reasons), expected, exists=True)


def _kind(name: str) -> str:
    return name.partition("/")[0]
