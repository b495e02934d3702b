"""What the grammar remembers between two bars, as one fixed-size record and as bytes.

Rules are written once, for the bull side. Side 0 sees prices as they are; side 1 sees them
mirrored (open −O, high −L, low −H, close −C), so the bear rule is the bull rule on side 1. All
levels kept for a side are in that side's mirrored ticks. The last `MEMORY` good bars are kept in
rings: bar i lies at position ``i & MASK``.
"""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass

import numpy as np

from fints_pipeline.base.errors import FormatError
from fints_pipeline.tokenizers.brooks.parameters import MEMORY

MASK = MEMORY - 1
SWINGS = 8

STATE = np.dtype(
    [
        # primitives
        ("t", "<i8"),  # index of the last good bar, -1 before the first
        ("reset", "<i8"),  # 1 in session mode "reset"
        ("cut", "<i8"),  # 1 when this bar has no prior bar (series' first; session's, in reset)
        ("open", "<i8", (2, MEMORY)),
        ("high", "<i8", (2, MEMORY)),
        ("low", "<i8", (2, MEMORY)),
        ("close", "<i8", (2, MEMORY)),
        ("true_range", "<i8", (MEMORY,)),
        ("true_range_sum", "<i8"),
        ("path_sum", "<i8"),
        ("atr", "<f8"),  # 0 when unavailable
        ("origin", "<i8"),  # the first close; the average is kept relative to it
        ("ema", "<f8"),
        # session levels
        ("session", "<i8"),
        ("new_session", "<i8"),
        ("session_bars", "<i8"),
        ("day_extreme", "<i8", (2,)),
        ("has_prior", "<i8"),
        ("prior_extreme", "<i8", (2,)),
        ("prior_close", "<i8"),
        ("opening_extreme", "<i8", (2,)),
        # bar and combo
        ("bar", "<i8"),
        ("bar_before", "<i8"),
        ("inside_run", "<i8"),
        ("relation", "<i8"),
        ("relation_before", "<i8"),
        ("combo", "<i8"),
        # swings
        ("swings", "<i8"),
        ("swing_side", "<i8", (SWINGS,)),
        ("swing_level", "<i8", (SWINGS,)),
        ("swing_bar", "<i8", (SWINGS,)),
        ("swing_label", "<i8", (SWINGS,)),
        ("swing_stored", "<i8", (2,)),
        # trend
        ("trend", "<i8"),
        ("trend_before", "<i8"),
        ("trigger_bar", "<i8"),
        # pullback
        ("leg_known", "<i8", (2,)),
        ("leg_base", "<i8", (2,)),
        ("leg_top", "<i8", (2,)),
        ("leg_top_bar", "<i8", (2,)),
        ("leg_low", "<i8", (2,)),
        ("leg_bounced", "<i8", (2,)),
        ("leg_count", "<i8", (2,)),
        # entry
        ("entry_extreme", "<i8", (2,)),
        ("entry_count", "<i8", (2,)),
        ("entry_armed", "<i8", (2,)),
        ("entry_age", "<i8", (2,)),
        # breakout: machine 0 is the box, 1 the opening range
        ("opening_broken", "<i8", (2,)),
        ("try_side", "<i8", (2,)),
        ("try_level", "<i8", (2,)),
        ("try_bar", "<i8", (2,)),
        # measured moves
        ("target_active", "<i8", (2,)),
        ("target", "<i8", (2,)),
        ("target_base", "<i8", (2,)),
        ("target_bar", "<i8", (2,)),
        ("target_hit", "<i8", (2,)),
        # event
        ("micro_run", "<i8", (2,)),
    ]
)


@dataclass(frozen=True)
class State:
    """A tokenizer's memory after some bars: a value that is saved and handed on.

    Attributes:
        grammar: Hash of the grammar it belongs to.
        tick: Price of one tick; None while no bar has shown it.
        session_mode: ``reset`` or ``continuous``.
        record: The bytes of one `STATE` row.
    """

    grammar: str
    tick: float | None
    session_mode: str
    record: bytes

    def to_bytes(self) -> bytes:
        """Return deterministic bytes: one line of JSON, then the record."""
        header = {"grammar": self.grammar, "session_mode": self.session_mode, "tick": self.tick}
        return json.dumps(header, sort_keys=True).encode() + b"\n" + self.record

    @classmethod
    def from_bytes(cls, content: bytes) -> State:
        """Parse what `to_bytes` gave.

        Raises:
            FormatError: the bytes are no tokenizer state, or of another layout.
        """
        head, _, record = content.partition(b"\n")
        try:
            header = json.loads(head)
            state = cls(header["grammar"], header["tick"], header["session_mode"], record)
        except (ValueError, KeyError, TypeError):
            raise FormatError("these bytes are not a tokenizer state") from None
        if len(record) != STATE.itemsize:
            raise FormatError(
                f"the tokenizer state holds {len(record)} bytes, expected {STATE.itemsize}",
                fix="tokenize from the first month again",
            )
        return state

    def to_text(self) -> str:
        """Return `to_bytes` in base64, for a footer that takes text."""
        return base64.b64encode(self.to_bytes()).decode()

    @classmethod
    def from_text(cls, text: str) -> State:
        """Parse what `to_text` gave, or raise `FormatError`."""
        try:
            return cls.from_bytes(base64.b64decode(text, validate=True))
        except ValueError:
            raise FormatError("this text is not a tokenizer state") from None
