"""Trades on candles: what the page's explorer of days holds, in as few bytes as it takes.

The test bars of an instrument are cut into pages of one session, or of as many as give a screen of
bars. Where they are too many for one file, the pages with the largest gains and losses and the last
ones are kept.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from fints_pipeline.base.frames import named_rows
from fints_pipeline.base.page.words import money, number
from fints_pipeline.evaluation.report.figures import plain
from fints_pipeline.evaluation.report.source import Material
from fints_pipeline.evaluation.report.tones import tone

LEAST_BARS = 60
"""On a page; fewer look lost on a screen."""
MOST_BARS = 24_000
"""In one report, of all instruments; about two megabytes."""
NOTABLE = 5
"""Best and as many worst round trips are told."""
_CODES = "0123456789abcdefghijklmnopqrstuvwxyz"


def notable_trades(material: Material) -> pd.DataFrame:
    """The primary model's best and worst closed round trips, best first."""
    trades = own_trades(material).sort_values("net", ascending=False, kind="stable")
    if len(trades) <= 2 * NOTABLE:
        return trades
    return pd.concat([trades.head(NOTABLE), trades.tail(NOTABLE)])


def own_trades(material: Material) -> pd.DataFrame:
    """The primary model's closed round trips."""
    trades = material.backtest.trades
    own: pd.DataFrame = trades[trades["model"] == material.metrics["primary"]]
    return own


def explorer(material: Material) -> dict[str, Any]:
    """Everything that the explorer draws, as JSON values.

    Returns:
        `fields` (name, values and tones of each token field), `currency`, `instruments` (name and
        pages) and `notable` trades, each with the place of its page. A page has `label`, `t` (first
        open in minutes since 1970, then the steps), `o`, `h`, `l`, `c`, `filled` rows, `tokens` (a
        letter a field and bar), `fills` and `trades` by row.
    """
    most = MOST_BARS // max(len(material.candles), 1)
    notable = notable_trades(material)
    instruments, places = [], {}
    for n, (name, bars) in enumerate(material.candles.items()):
        pages = _cut(bars)
        wanted = _chosen(pages, notable[notable["instrument"] == name], most)
        for place, page in enumerate(wanted):
            places.update({(n, stamp): place for stamp in page["open_time"]})
        instruments.append(
            {"name": name, "pages": [_page(material, name, page) for page in wanted]}
        )
    return {
        "fields": [
            {"name": name, "values": list(values), "tones": [tone(value) for value in values]}
            for name, values in material.fields.items()
        ],
        "currency": material.config.account_currency,
        "instruments": instruments,
        "notable": list(_notable(material, notable, places)),
    }


def _cut(bars: pd.DataFrame) -> list[pd.DataFrame]:
    days = bars["session"].drop_duplicates().to_numpy()
    if not len(days):
        return []
    together = max(1, round(LEAST_BARS / (len(bars) / len(days))))
    number_of = pd.Series(np.arange(len(days)) // together, index=days)
    return [page.reset_index(drop=True) for _, page in bars.groupby(bars["session"].map(number_of))]


def _chosen(pages: Sequence[pd.DataFrame], notable: pd.DataFrame, most: int) -> list[pd.DataFrame]:
    """In time order: pages where notable trades begin, then the last ones, up to `most` bars."""
    entries = _utc(notable["entry_time"])
    order = sorted(
        range(len(pages)),
        key=lambda n: (not pages[n]["open_time"].isin(entries).any(), -n),
    )
    kept: list[int] = []
    total = 0
    for n in order:
        total += len(pages[n])
        if total > most and kept:
            break
        kept.append(n)
    return [pages[n] for n in sorted(kept)]


def _page(material: Material, instrument: str, bars: pd.DataFrame) -> dict[str, Any]:
    minutes = bars["open_time"].dt.tz_convert(None).to_numpy().astype("M8[m]").astype(np.int64)
    rows = {stamp: row for row, stamp in enumerate(bars["open_time"])}
    trades = [
        _trade(trade, rows, bars)
        for trade in named_rows(own_trades(material))
        if trade.instrument == instrument
        and (_stamp(trade.entry_time) in rows or _stamp(trade.exit_time) in rows)
    ]
    first, last = (bars["session"].iloc[end] for end in (0, -1))
    label = f"{first:%a %Y-%m-%d}" if first == last else f"{first:%Y-%m-%d} to {last:%m-%d}"
    earned = sum(trade["net"] for trade in trades if trade["exit"] is not None)
    if trades:
        told = f"{len(trades)} trade{'s' if len(trades) != 1 else ''}"
        label += f" · {told}, {money(earned, material.config.account_currency)}"
    return {
        "label": label,
        "t": [int(minutes[0]), *np.diff(minutes).tolist()],
        **{side[0]: plain(bars[side].to_numpy(float)) for side in ("open", "high", "low", "close")},
        "filled": np.flatnonzero(bars["is_filled"]).tolist(),
        "tokens": _letters(bars, material.fields),
        "fills": _fills(material, instrument, rows),
        "trades": trades,
    }


def _letters(bars: pd.DataFrame, fields: Mapping[str, Sequence[str]]) -> list[str]:
    """A letter a field for every bar; nothing where the bars have no tokens."""
    if not fields or not set(fields) <= set(bars.columns):
        return []
    codes = bars[list(fields)].to_numpy(np.int64)
    return ["".join(_CODES[code] for code in row) for row in codes]


def _fills(
    material: Material, instrument: str, rows: Mapping[pd.Timestamp, int]
) -> list[dict[str, Any]]:
    fills = material.backtest.fills
    own = fills[
        (fills["model"] == material.metrics["primary"]) & (fills["instrument"] == instrument)
    ]
    return [
        {
            "row": rows[fill.filled_at],
            "units": float(fill.units),
            "price": float(f"{fill.price:.7g}"),
            "text": _fill_text(fill, material.config.account_currency),
        }
        for fill in named_rows(own)
        if fill.filled_at in rows
    ]


def _fill_text(fill: Any, currency: str) -> str:
    cost = fill.spread_cost + fill.slippage + fill.impact + fill.fee
    side = "Buy" if fill.units > 0 else "Sell"
    return (
        f"{side} {abs(fill.units):,.4g} at {fill.price:,.6g} ({fill.reason.replace('_', ' ')})<br>"
        f"decided {fill.decided_at:%H:%M}, filled {fill.filled_at:%H:%M} UTC<br>"
        f"position {fill.position:+,.4g}, cost {money(cost, currency)}"
    )


def _trade(trade: Any, rows: Mapping[pd.Timestamp, int], bars: pd.DataFrame) -> dict[str, Any]:
    entry, left = (rows.get(_stamp(at)) for at in (trade.entry_time, trade.exit_time))
    row = entry if entry is not None else left or 0
    at = float(bars["split_factor"].iloc[row])
    return {
        "entry": entry,
        "exit": left,
        "side": int(trade.side),
        "from": f"{trade.entry_time:%Y-%m-%d %H:%M}",
        "to": f"{trade.exit_time:%Y-%m-%d %H:%M}",
        # Prices of trades are split-adjusted; the candles are raw.
        "prices": [float(f"{price / at:.7g}") for price in (trade.entry_price, trade.exit_price)],
        "net": float(f"{trade.net:.7g}"),
        "cost": float(f"{trade.cost:.7g}"),
        "reason": str(trade.exit_reason).replace("_", " "),
    }


def _notable(
    material: Material, trades: pd.DataFrame, places: Mapping[tuple[int, pd.Timestamp], int]
) -> Any:
    names = list(material.candles)
    for trade in named_rows(trades):
        n = names.index(trade.instrument) if trade.instrument in names else -1
        place = places.get((n, _stamp(trade.entry_time)))
        if place is not None:
            earned = money(trade.net, material.config.account_currency)
            yield {
                "instrument": n,
                "page": place,
                "from": f"{trade.entry_time:%Y-%m-%d %H:%M}",
                "label": f"{earned} · {trade.instrument} {trade.entry_time:%d %b %H:%M}",
            }


def notable_rows(material: Material) -> list[tuple[str, ...]]:
    """The notable trades as words, one row each."""
    currency = material.config.account_currency
    return [
        (
            trade.instrument, "long" if trade.side > 0 else "short",
            f"{trade.entry_time:%Y-%m-%d %H:%M}", f"{trade.exit_time:%Y-%m-%d %H:%M}",
            number(trade.entry_price, 4), number(trade.exit_price, 4),
            money(trade.cost, currency), money(trade.net, currency),
            str(trade.exit_reason).replace("_", " "),
        )
        for trade in named_rows(notable_trades(material))
    ]  # fmt: skip


def _stamp(at: pd.Timestamp) -> pd.Timestamp:
    return at.tz_localize("UTC") if at.tzinfo is None else at


def _utc(times: pd.Series) -> pd.Series:
    return times.map(_stamp)
