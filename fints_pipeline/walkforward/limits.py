"""Limits of an account, and orders that protect a position: `Limits`, `Stops`."""

import math
from typing import Literal, Self

from pydantic import Field, model_validator

from fints_pipeline.base.config import Config


class Limits(Config):
    """What an account may hold and how much of a bar's volume it may take. None: no limit.

    Fractions are of the sizing base (the equity, or the capital without compounding), applied to
    what the targets ask for at each decision: first each name, then the gross sum, then the net
    sum (the heavier side gives way), then the leverage. Prices move positions beyond them between
    decisions; `maintenance_margin` is what watches the positions themselves.

    Attributes:
        gross: cap on the sum of absolute fractions.
        net: cap on the absolute sum of signed fractions.
        name: cap on each symbol's absolute fraction.
        leverage: cap on the gross value over the equity at the decision; it differs from `gross`
            when sizes do not compound.
        initial_margin: share of a position's value that must be covered by equity at a decision;
            the same as a leverage of its inverse.
        maintenance_margin: at a close with less equity than this share of the gross value, every
            position is closed at its next real open (reason `margin_call`).
        participation: largest share of the reference volume that a bar's fill may take.
        participation_of: "trailing" takes the mean volume of a bar over the last
            `participation_window` complete sessions; "bar" the volume of the bar of the fill.
        participation_window: complete sessions of the trailing volume.
        remainder: what a bar cannot fill waits for the next one ("wait") or is cancelled
            ("cancel"); what closes a position always waits.
    """

    gross: float | None = Field(default=None, gt=0)
    net: float | None = Field(default=None, ge=0)
    name: float | None = Field(default=None, gt=0)
    leverage: float | None = Field(default=None, gt=0)
    initial_margin: float | None = Field(default=None, gt=0, le=1)
    maintenance_margin: float | None = Field(default=None, gt=0, lt=1)
    participation: float | None = Field(default=None, gt=0, le=1)
    participation_of: Literal["trailing", "bar"] = "trailing"
    participation_window: int = Field(default=20, ge=1)
    remainder: Literal["wait", "cancel"] = "wait"

    @model_validator(mode="after")
    def _maintenance_is_below_initial(self) -> Self:
        first, kept = self.initial_margin, self.maintenance_margin
        if first is not None and kept is not None and kept >= first:
            raise ValueError(
                f"maintenance_margin {kept} must be below initial_margin {first}, or a new position"
                " is closed at once"
            )
        return self

    @property
    def most_leverage(self) -> float:
        """Leverage and initial margin in one number; infinity without either."""
        margin = self.initial_margin
        return min(or_infinity(self.leverage), math.inf if margin is None else 1 / margin)


class Stops(Config):
    """Orders that rest at the market while a position is open. None: none.

    Distances are fractions of the average entry price, for `trailing` of the best price since the
    entry, up to the bar before. They act inside real bars only: at the worse of open and stop; a
    target at its own price, or at the open where the bar opens beyond it. A bar that reaches both
    is a stop. The bar of the entry counts.

    Attributes:
        stop_loss: loss at which a position is closed.
        take_profit: gain at which a position is closed.
        trailing: fall from the best price at which a position is closed.
        reentry: "next_decision" trades the next target whatever it is; "new_signal" stays out until
            a target is flat or of the other side.
    """

    stop_loss: float | None = Field(default=None, gt=0, lt=1)
    take_profit: float | None = Field(default=None, gt=0)
    trailing: float | None = Field(default=None, gt=0, lt=1)
    reentry: Literal["next_decision", "new_signal"] = "next_decision"

    @property
    def any(self) -> bool:
        """Whether one of them is on."""
        return (self.stop_loss, self.take_profit, self.trailing) != (None, None, None)


def or_infinity(limit: float | None) -> float:
    """A limit as the kernel takes it."""
    return math.inf if limit is None else limit
