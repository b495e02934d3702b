"""The configured feature columns as one would write them in plain pandas."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pandas as pd

from fints_pipeline.features import FeaturesConfig

Frame = pd.DataFrame


def plain_features(config: FeaturesConfig, bars: Frame) -> Frame:
    """Return the key columns and every configured feature, family by family."""
    table = bars[["instrument", "open_time", "close_time", "session", "is_filled"]].copy()
    prices = bars[["open", "high", "low", "close"]].mul(bars["split_factor"], axis=0)
    prices["volume"] = bars["volume"] / bars["split_factor"]
    for feature in config.features:
        parameters: dict[str, Any] = feature.model_dump()
        columns = FAMILIES[feature.name](prices, bars, **parameters)
        for name, column in zip(feature.columns, columns, strict=True):
            table[name] = column
    return table


def _log(values: pd.Series) -> pd.Series:
    return pd.Series(np.log(values))


def _log_return(prices: Frame, bars: Frame) -> list[pd.Series]:
    close = prices["close"]
    first = bars["session"] != bars["session"].shift()
    total = _log(close / close.shift())
    overnight = _log(prices["open"] / close.shift()).where(first, 0.0)
    intraday = _log(close / prices["open"]).where(first, total)
    intraday.iloc[0] = np.nan
    return [total, overnight, intraday]


def _high_low_range(prices: Frame, bars: Frame) -> list[pd.Series]:
    return [_log(prices["high"] / prices["low"])]


def _body_wick(prices: Frame, bars: Frame) -> list[pd.Series]:
    size = prices["high"] - prices["low"]
    top = np.maximum(prices["open"], prices["close"])
    bottom = np.minimum(prices["open"], prices["close"])
    body = (prices["close"] - prices["open"]) / size
    shares = [body, (prices["high"] - top) / size, (bottom - prices["low"]) / size]
    return [share.where(size != 0, 0.0) for share in shares]


def _close_location(prices: Frame, bars: Frame, windows: tuple[int, ...]) -> list[pd.Series]:
    columns = []
    for window in (1, *windows):
        low = prices["low"].rolling(window).min() if window > 1 else prices["low"]
        high = prices["high"].rolling(window).max() if window > 1 else prices["high"]
        span = high - low
        columns.append(((prices["close"] - low) / span).where(span != 0, 0.5))
    return columns


def _realised(prices: Frame, window: int) -> pd.Series:
    returns = _log(prices["close"] / prices["close"].shift())
    return pd.Series(np.sqrt((returns**2).rolling(window).sum()))


def _realised_volatility(prices: Frame, bars: Frame, window: int) -> list[pd.Series]:
    return [_realised(prices, window)]


def _zscore(values: pd.Series, window: int) -> pd.Series:
    rolling = values.rolling(window)
    return (values - rolling.mean()) / rolling.std()


def _volatility_zscore(prices: Frame, bars: Frame, window: int, baseline: int) -> list[pd.Series]:
    return [_zscore(_realised(prices, window), baseline)]


def _volume_zscore(prices: Frame, bars: Frame, window: int) -> list[pd.Series]:
    return [_zscore(prices["volume"], window)]


def _mean_true_range(prices: Frame, window: int) -> pd.Series:
    before = prices["close"].shift()
    size = pd.Series(np.maximum(prices["high"], before) - np.minimum(prices["low"], before))
    return size.rolling(window).mean()


def _atr(prices: Frame, bars: Frame, window: int, relative: bool) -> list[pd.Series]:
    atr = _mean_true_range(prices, window)
    return [atr / prices["close"] if relative else atr]


def _moving_average_distance(prices: Frame, bars: Frame, window: int) -> list[pd.Series]:
    return [_log(prices["close"] / prices["close"].rolling(window).mean())]


def _gap(prices: Frame, bars: Frame, window: int) -> list[pd.Series]:
    before = prices["close"].shift()
    atr = _mean_true_range(prices, window).shift()
    return [_log(prices["open"] / before), (prices["open"] - before) / atr]


def _time_of_day(prices: Frame, bars: Frame, harmonics: int) -> list[pd.Series]:
    passed = bars["open_time"] - bars["session_open"]
    phase = passed / (bars["session_close"] - bars["session_open"])
    turns = [2 * np.pi * k * phase for k in range(1, harmonics + 1)]
    return [pd.Series(of(angle)) for angle in turns for of in (np.sin, np.cos)]


def _day_of_week(prices: Frame, bars: Frame) -> list[pd.Series]:
    angle = 2 * np.pi * bars["session"].dt.dayofweek / 7
    return [pd.Series(np.sin(angle)), pd.Series(np.cos(angle))]


FAMILIES: Mapping[str, Callable[..., list[pd.Series]]] = {
    "log_return": _log_return,
    "high_low_range": _high_low_range,
    "body_wick": _body_wick,
    "close_location": _close_location,
    "realised_volatility": _realised_volatility,
    "volatility_zscore": _volatility_zscore,
    "volume_zscore": _volume_zscore,
    "atr": _atr,
    "moving_average_distance": _moving_average_distance,
    "gap": _gap,
    "time_of_day": _time_of_day,
    "day_of_week": _day_of_week,
}
