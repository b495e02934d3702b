"""Costs of an asset class where a config gives none: plausible for a small taker, not quotes.

Where they come from, in the order of the table (docs/decisions/0017 has the reasoning):

- crypto_spot: Binance's spot taker fee without discounts (0.1 %); a liquid pair's spread of a tenth
  to one basis point; borrowing a major coin costs a few percent a year.
- crypto_perp: Binance's USD-margined taker fee (0.05 %); funding at its interest component of
  0.01 % every eight hours, 10.95 % a year, which longs pay to shorts.
- fx: a major's spread of 0.6 pips at an ECN broker, 2.5 dollars commission for 100 000 a side, and
  a markup of one percent a year on overnight swaps, paid by both sides. No impact: there is no
  volume to measure it by; give `adv` and `impact` for it.
- equity: a large stock's half-spread of one basis point, commission and fees of half a basis point
  (0.0035 to 0.005 dollars a share), general-collateral borrow of 0.3 % a year.
- index_cfd: a spread of one basis point without commission; overnight financing at a benchmark of
  4 % plus 2.5 % for longs and minus 2.5 % for shorts.
- index_future: one tick of 0.25 points at 5 000 between bid and ask, 2.25 dollars a contract a
  side; financing is in the price.

Y = 1 is the order of magnitude that studies of the square-root law agree on (Tóth et al. 2011 for
futures, Donier and Bonart 2015 for bitcoin). λ = 0.05 is an assumption: a market order at the open
gives away a twentieth of a bar's standard deviation.
"""

from collections.abc import Mapping
from typing import Literal

AssetClass = Literal[
    "crypto_spot", "crypto_perp", "fx", "equity", "index_cfd", "index_future"
]  # fmt: skip

_SLIPPAGE = {"slippage_volatility": 0.05}
DEFAULTS: Mapping[str, Mapping[str, float]] = {
    "crypto_spot": {
        "half_spread_bps": 0.5, "fee_bps": 10.0, "impact": 1.0, "borrow_rate": 0.05, **_SLIPPAGE,
    },
    "crypto_perp": {
        "half_spread_bps": 0.5, "fee_bps": 5.0, "impact": 1.0,
        "funding_long": 0.1095, "funding_short": 0.1095, **_SLIPPAGE,
    },
    "fx": {
        "half_spread_bps": 0.3, "fee_bps": 0.25,
        "funding_long": 0.01, "funding_short": -0.01, **_SLIPPAGE,
    },
    "equity": {
        "half_spread_bps": 1.0, "fee_bps": 0.5, "impact": 1.0, "borrow_rate": 0.003, **_SLIPPAGE,
    },
    "index_cfd": {
        "half_spread_bps": 0.5, "funding_long": 0.065, "funding_short": 0.015, **_SLIPPAGE,
    },
    "index_future": {"half_spread_bps": 0.25, "fee_bps": 0.1, "impact": 1.0, **_SLIPPAGE},
}  # fmt: skip
