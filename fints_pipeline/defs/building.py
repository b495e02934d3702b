"""The stages' own functions on one month, without checks or pictures."""

from collections.abc import Callable

from fints_pipeline.defs.instrument import Instrument

Build = Callable[[Instrument, str], object]


def bars(instrument: Instrument, month: str) -> object:
    """Clean and resample the month's slice."""
    from fints_pipeline.data import partition

    return partition.build(instrument.lake, instrument.dataset, instrument.name, month)


def news_bars(instrument: Instrument, month: str) -> object:
    """Count the news that came out by each of the month's bars."""
    from fints_pipeline.data.news import bars_partition

    lake, config = instrument.lake, instrument.news
    return bars_partition.build(lake, config, instrument.freq, instrument.name, month)


def features(instrument: Instrument, month: str) -> object:
    """Compute the month's columns from its bars and their lookback."""
    from fints_pipeline.features import partition

    lake, config = instrument.lake, instrument.features
    return partition.build(lake, config, instrument.freq, instrument.name, month)


def labels(instrument: Instrument, month: str) -> object:
    """Compute the month's targets from its bars and those that follow."""
    from fints_pipeline.labels import partition

    lake, config = instrument.lake, instrument.labels
    return partition.build(lake, config, instrument.freq, instrument.name, month)


def brooks_tokens(instrument: Instrument, month: str) -> object:
    """Tokenize the month from the state that the month before left."""
    from fints_pipeline.tokenizers import partition

    return partition.build(
        instrument.lake,
        instrument.tokenize,
        instrument.freq,
        instrument.name,
        month,
        tick=instrument.tick,
        session_mode=instrument.session_mode,
    )


BUILDS: dict[str, Build] = {
    "bars": bars,
    "news_bars": news_bars,
    "features": features,
    "labels": labels,
    "brooks_tokens": brooks_tokens,
}
