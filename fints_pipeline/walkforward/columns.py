"""Parameters that differ from column to column of one pass of the engine: `Columns`."""

from dataclasses import dataclass, fields

import numpy as np

from fints_pipeline.base.errors import ConfigError
from fints_pipeline.walkforward.ledger import Account
from fints_pipeline.walkforward.limits import or_infinity
from fints_pipeline.walkforward.market import Floats


@dataclass(frozen=True)
class Columns:
    """K accounts on one market, each array (K,).

    Attributes:
        capital: cash at the start, account currency.
        threshold: a target whose absolute value is smaller counts as 0.
        scale: factor on every target.
        cost_scale: factor on every cost: 0 for gross, 2 for the stress. What a position earns by
            funding is not raised above its own amount.
        band: smallest order, fraction of the sizing base.
        gross, net, name, leverage: as in `Limits`; infinity where there is no limit.
        maintenance: margin below which everything is closed; 0 never.
        participation: share of the reference volume; infinity without limit.
        stop_loss, take_profit, trailing: as in `Stops`; infinity where there is none.
    """

    capital: Floats
    threshold: Floats
    scale: Floats
    cost_scale: Floats
    band: Floats
    gross: Floats
    net: Floats
    name: Floats
    leverage: Floats
    maintenance: Floats
    participation: Floats
    stop_loss: Floats
    take_profit: Floats
    trailing: Floats

    @classmethod
    def of(cls, account: Account, count: int = 1, **varied: Floats | float) -> "Columns":
        """`count` columns of an account, but for the parameters that are given.

        Args:
            account: what all of them share.
            count: K.
            varied: attributes of this class, one value for each column or for all.

        Raises:
            ConfigError: a name is unknown, or values do not fit in number or sign.
        """
        limits, stops = account.limits, account.stops
        shared = {
            "capital": account.capital,
            "threshold": 0.0,
            "scale": 1.0,
            "cost_scale": 1.0,
            "band": account.band,
            "gross": or_infinity(limits.gross),
            "net": or_infinity(limits.net),
            "name": or_infinity(limits.name),
            "leverage": limits.most_leverage,
            "maintenance": limits.maintenance_margin or 0.0,
            "participation": or_infinity(limits.participation),
            "stop_loss": or_infinity(stops.stop_loss),
            "take_profit": or_infinity(stops.take_profit),
            "trailing": or_infinity(stops.trailing),
        }
        unknown = varied.keys() - shared.keys()
        if unknown:
            raise ConfigError(
                f"no column parameter {', '.join(sorted(unknown))}",
                where="Columns.of",
                fix=f"choose from {', '.join(shared)}",
            )
        return cls(**{name: _column(name, varied.get(name, value), count)
                      for name, value in shared.items()})  # fmt: skip

    def __len__(self) -> int:
        return len(self.capital)

    def one(self, k: int) -> "Columns":
        """Column k alone."""
        return Columns(**{f.name: getattr(self, f.name)[k : k + 1] for f in fields(self)})


def _column(name: str, value: Floats | float, count: int) -> Floats:
    values = np.array(value, float)
    if values.shape not in ((), (1,), (count,)):
        raise ConfigError(
            f"{name} has shape {values.shape} for {count} columns",
            where="Columns.of",
            fix="give one value for each column, or one for all",
        )
    if np.isnan(values).any() or ((values < 0).any() and name != "scale"):
        raise ConfigError(f"{name} must not be negative or NaN", where="Columns.of")
    if name in ("capital", "gross") and not (values > 0).all():
        raise ConfigError(f"{name} must be positive", where="Columns.of")
    if name in ("capital", "scale", "cost_scale") and not np.isfinite(values).all():
        raise ConfigError(f"{name} must be finite", where="Columns.of")
    return np.ascontiguousarray(np.broadcast_to(values, (count,))).copy()
