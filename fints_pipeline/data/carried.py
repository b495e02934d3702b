"""What the trailing rules remember from one month to the next.

Small, since it lies in the footer of each month's bars of the base frequency: the last closes of
the bad-tick band, the last volumes of each time slot in thousandths of a logarithm, and the last
sessions, which a split is looked for against.
"""

from __future__ import annotations

import base64
import json
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from fints_pipeline.base.digest import text_digest

Thousandths = npt.NDArray[np.uint16]
_EPOCH = np.datetime64("1970-01-01", "us")


@dataclass(frozen=True)
class Band:
    """Where `bad_ticks` stands after a bar.

    Attributes:
        closes: The last closes of the band, oldest first, split-adjusted.
        side: 1 where the last bar was outside above, -1 below, and what it was is open; else 0.
        outside: The close of that bar.
    """

    closes: tuple[float, ...] = ()
    side: int = 0
    outside: float = 0.0


@dataclass(frozen=True, eq=False)
class Carried:
    """What is known at the end of a month.

    Attributes:
        opened: Open time of the last bar that traded, naive UTC; None before the first.
        band: Of its closes.
        volumes: By time slot, the last ones, oldest first.
        sessions: The last sessions: day, open, close, volume, raw, oldest first.
    """

    opened: np.datetime64 | None = None
    band: Band = Band()
    volumes: Mapping[int, Thousandths] = field(default_factory=dict)
    sessions: tuple[tuple[str, float, float, float], ...] = ()

    def to_text(self) -> str:
        """Return it as text that `from_text` reads back to the bit."""
        slots = sorted(self.volumes)
        packed = np.concatenate([self.volumes[k] for k in slots] or [np.zeros(0, np.uint16)])
        return json.dumps(
            {
                "opened": None
                if self.opened is None
                else int((self.opened - _EPOCH).astype(np.int64)),
                "closes": self.band.closes,
                "outside": [self.band.side, self.band.outside],
                "slots": {str(k): len(self.volumes[k]) for k in slots},
                "volumes": base64.b64encode(zlib.compress(packed.astype("<u2").tobytes())).decode(),
                "sessions": self.sessions,
            },
            separators=(",", ":"),
        )

    @property
    def digest(self) -> str:
        """Changes when anything in it does; empty where there is nothing in it."""
        return text_digest(self.to_text()) if self.opened is not None or self.sessions else ""


def from_text(text: str) -> Carried:
    """Return what `Carried.to_text` wrote."""
    content = json.loads(text)
    packed = np.frombuffer(zlib.decompress(base64.b64decode(content["volumes"])), dtype="<u2")
    counts = {int(k): int(count) for k, count in content["slots"].items()}
    ends = np.cumsum(list(counts.values()))
    volumes = {
        k: packed[end - count : end].astype(np.uint16)
        for (k, count), end in zip(counts.items(), ends, strict=True)
    }
    side, outside = content["outside"]
    opened = content["opened"]
    return Carried(
        opened=None if opened is None else _EPOCH + np.timedelta64(opened, "us"),
        band=Band(tuple(content["closes"]), side, outside),
        volumes=volumes,
        sessions=tuple((day, *numbers) for day, *numbers in content["sessions"]),
    )
