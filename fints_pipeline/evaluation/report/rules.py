"""The trading rules in words."""

from __future__ import annotations

from fints_pipeline.base.page.words import count, money, percent
from fints_pipeline.evaluation.report.source import Material
from fints_pipeline.walkforward.costs import CostModel
from fints_pipeline.walkforward.limits import Limits, Stops


def rules(material: Material) -> dict[str, str]:
    """The trading rules in words."""
    config, costs = material.config, material.config.costs
    threshold = config.threshold
    level = (
        f"|edge| ≥ {threshold.fixed:g}"
        if threshold.fixed is not None
        else f"|edge| ≥ its {threshold.quantile:g} quantile on the validation span"
    )
    sizing = config.sizing
    size = {
        "fixed": f"{percent(sizing.fraction, 0, sign=False)} of equity, each instrument",
        "volatility_target": f"{percent(sizing.annual_volatility, 0, sign=False)} volatility a"
        f" year, from {sizing.window} sessions",
        "kelly": f"{percent(sizing.kelly_fraction, 0, sign=False)} of Kelly, each instrument",
    }[sizing.kind]
    spread = [f"{costs.half_spread_bps:g} bps"] if costs.half_spread_bps else []
    spread += [f"{costs.half_spread_ticks:g} ticks"] if costs.half_spread_ticks else []
    return {
        "Decision": f"every {count(config.hold)} bars of {material.frequency}, at the close",
        "Fill": "open of the next real bar",
        "Entry": level,
        "Size": f"{size}, gross at most {config.sizing.max_leverage:g}×",
        "At session end": "flat" if config.flatten_at_session_end else "carried on",
        "Half spread": " + ".join(spread) or "none",
        "Fee and slippage": f"{costs.fee_bps:g} and {costs.slippage_bps:g} bps a side",
        **_more_costs(costs),
        **_set_keys("Limits", config.limits),
        **_set_keys("Stops", config.stops),
        "Capital": money(config.capital, config.account_currency),
    }


def _more_costs(costs: CostModel) -> dict[str, str]:
    """Costs by volatility, size and time, where there are some."""
    told = {
        "Slippage by volatility": costs.slippage_volatility and f"{costs.slippage_volatility:g} σ",
        "Impact": costs.impact and f"{costs.impact:g} σ √(Q / V)",
        "Borrow a year": costs.borrow_rate and percent(costs.borrow_rate, 1, sign=False),
        "Funding a year": (costs.funding_long or costs.funding_short)
        and f"longs pay {percent(costs.funding_long, 1, sign=False)}, shorts earn"
        f" {percent(costs.funding_short, 1, sign=False)}",
    }
    return {name: str(text) for name, text in told.items() if text}


def _set_keys(name: str, keys: Limits | Stops) -> dict[str, str]:
    """The keys that are set, as the config has them; nothing where none is."""
    plain = type(keys)()
    given = [
        f"{key.replace('_', ' ')} {value:g}" if isinstance(value, float) else f"{key} {value}"
        for key, value in keys
        if value != getattr(plain, key)
    ]
    return {name: ", ".join(given)} if given else {}
