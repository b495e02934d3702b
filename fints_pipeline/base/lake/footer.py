"""What a partition says of itself: digest, schema and lineage, committed with the data."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field

from fints_pipeline.base.digest import text_digest
from fints_pipeline.base.errors import DamagedError

FOOTER_KEY = b"fints_pipeline"
LAYOUT = 1
CARRIED = "carried"
"""The note in which a month of a series hands on what the next one starts from."""


@dataclass(frozen=True)
class Lineage:
    """Where a partition comes from.

    Attributes:
        code_version: Version of the stage's code.
        config_fingerprint: Fingerprint of the config section that it ran with.
        inputs: Digest of each input, by its key's string (``bars/5m/binance.BTCUSDT/2023-01``).
    """

    code_version: str
    config_fingerprint: str
    inputs: Mapping[str, str] = field(default_factory=dict)

    @property
    def digest(self) -> str:
        """Changes when anything that the output depends on does."""
        pairs = (f"{key}={value}" for key, value in sorted(self.inputs.items()))
        return text_digest(self.code_version, self.config_fingerprint, *pairs)


@dataclass(frozen=True)
class Footer:
    """The lake's own part of a Parquet footer.

    Attributes:
        digest: Logical content hash of the rows (and of ``extra``); the data version.
        rows: Number of rows.
        schema_name: Name of the schema that the rows were validated with.
        schema_fingerprint: Its fingerprint.
        lineage: Where the rows come from.
        extra: Further strings that are part of the content, and of the digest (carried state).
        notes: Strings about the content that commit with it and leave the digest alone (quality).
        layout: Version of this layout.
    """

    digest: str
    rows: int
    schema_name: str
    schema_fingerprint: str
    lineage: Lineage
    extra: Mapping[str, str] = field(default_factory=dict)
    notes: Mapping[str, str] = field(default_factory=dict)
    layout: int = LAYOUT

    @property
    def carried(self) -> str:
        """The digest of what it hands on; empty where it hands on nothing."""
        return text_digest(self.notes[CARRIED]) if CARRIED in self.notes else ""

    def to_json(self) -> str:
        """Return the footer as JSON with sorted keys."""
        content = {**self.__dict__, "lineage": self.lineage.__dict__}
        return json.dumps(content, sort_keys=True, default=dict)

    @classmethod
    def from_json(cls, text: bytes | str, where: str) -> Footer:
        """Parse what `to_json` wrote.

        Raises:
            DamagedError: it is damaged, or written by another layout.
        """
        try:
            content = json.loads(text)
            lineage = Lineage(**content.pop("lineage"))
            footer = cls(lineage=lineage, **content)
        except (ValueError, TypeError, KeyError) as error:
            raise DamagedError(f"the footer is damaged: {error}", where=where) from None
        if footer.layout != LAYOUT:
            raise DamagedError(
                f"written with lake layout {footer.layout}, this version reads {LAYOUT}",
                where=where,
                fix="rebuild the partition with this version",
            )
        return footer
