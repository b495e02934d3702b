"""Turn bars into Brooks price-action tokens: from loose files, or from the lake's bars.

    python -m fints_pipeline.tokenize --input data_lake
    python -m fints_pipeline.tokenize --input bars/ --output tokens/ --fit-until 2024-01-01

A lake is tokenized instrument by instrument and month by month, each month from the state that the
one before left, into the lake's table `tokens`: the same code and result as the asset
`brooks_tokens`. Ticks and calendars come from configs/data. Loose files give one file of tokens an
instrument. Flat ids are written only with a vocabulary (--vocabulary), or with one that is fitted
on the bars up to a date (--fit-until).
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from fints_pipeline.base import cli
from fints_pipeline.base.config import load_config
from fints_pipeline.base.errors import ConfigError, KeyNotFoundError, nearest
from fints_pipeline.base.frames import to_pandas
from fints_pipeline.base.lake import Lake
from fints_pipeline.base.lake.atomic import replacing
from fints_pipeline.base.lake.keys import encode_part
from fints_pipeline.base.locations import Locations
from fints_pipeline.data.calendars import calendar_for
from fints_pipeline.data.config import DatasetConfig
from fints_pipeline.tokenizers import partition
from fints_pipeline.tokenizers.bar_files import bar_files, read_bars
from fints_pipeline.tokenizers.config import TokenizeConfig
from fints_pipeline.tokenizers.run import tokenize_month
from fints_pipeline.tokenizers.summary import Tokens, summary
from fints_pipeline.tokenizers.vocabulary import UNK, Vocabulary


def main(argv: Sequence[str] | None = None) -> int:
    """Tokenize what the arguments name; return the exit status."""
    arguments = _parser().parse_args(argv)
    config = load_config(arguments.config, TokenizeConfig)
    source = arguments.input
    in_lake = (source / "bars").is_dir()
    output = arguments.output or (source if in_lake else None)
    if output is None:
        raise ConfigError("--output is missing", fix="name a folder for the tokens of loose files")
    to_lake = in_lake and output.resolve() == source.resolve()
    if to_lake and (arguments.vocabulary or arguments.fit_until):
        raise ConfigError(
            "flat ids belong to a vocabulary, not into the lake's tokens",
            fix="name another folder with --output",
        )
    made = from_lake(Lake(source), config, arguments) if in_lake else from_files(config, arguments)
    tokens = list(made)
    if not to_lake:
        _write(tokens, output, config, _vocabulary(tokens, config, arguments))
        print(f"tokens written to {output}")
    print(summary(tokens))
    return 0


def from_lake(
    lake: Lake, config: TokenizeConfig, arguments: argparse.Namespace
) -> Iterator[Tokens]:
    """Tokenize the lake's bars into its table ``tokens``, months in order; yield them.

    Raises:
        KeyNotFoundError: there are no bars of the instrument, or its dataset has no config.
    """
    plan = list(_plan(lake, arguments.freq, arguments.instrument))
    if not plan:
        raise KeyNotFoundError(
            "the lake has no bars to tokenize",
            where=str(lake.root),
            fix="run the data job first, or choose another --freq or --instrument",
        )
    for freq, instrument, dataset in plan:
        mode = calendar_for(dataset.calendar).mode
        tick = dataset.ticks.get(dataset.symbol(instrument))
        months = lake.months("bars", freq, instrument)
        for month in months:
            started = time.perf_counter()
            footer = partition.build(
                lake, config, freq, instrument, month, tick=tick, session_mode=mode
            )
            _progress(f"{instrument} {freq} {month}", footer.rows, started)
        rows = lake.read_range("tokens", freq, instrument, months[0], months[-1])
        yield Tokens(instrument, to_pandas(rows), mode)


def _plan(
    lake: Lake, freq: str | None, instrument: str | None
) -> Iterator[tuple[str, str, DatasetConfig]]:
    """Yield each instrument at the frequency asked for, or at its dataset's own."""
    locations = Locations.from_environment()
    for known in lake.values("bars", (), "freq"):
        for name in lake.instruments("bars", known):
            if instrument not in (None, name):
                continue
            path = locations.dataset_config(name)
            dataset = load_config(path, DatasetConfig, section="dataset")
            if known == (freq or dataset.model_frequency):
                yield known, name, dataset


def from_files(config: TokenizeConfig, arguments: argparse.Namespace) -> Iterator[Tokens]:
    """Tokenize loose files; files of one instrument are joined in the order of time."""
    calendar = calendar_for(arguments.calendar)
    frames = [read_bars(path, calendar.trading_day) for path in bar_files(arguments.input)]
    bars = pd.concat(frames, ignore_index=True)
    instruments = [str(name) for name in bars["instrument"].unique()]
    for instrument in _chosen(instruments, arguments.instrument):
        started = time.perf_counter()
        own = bars[bars["instrument"] == instrument].sort_values("open_time", kind="stable")
        mode = arguments.session_mode or calendar.mode
        frame, _ = tokenize_month(config, own, arguments.tick, mode)
        _progress(instrument, len(frame), started)
        yield Tokens(instrument, frame, mode)


def _vocabulary(
    tokens: Sequence[Tokens], config: TokenizeConfig, arguments: argparse.Namespace
) -> Vocabulary | None:
    if arguments.vocabulary:
        return Vocabulary.load(arguments.vocabulary, config.grammar_hash)
    if arguments.fit_until is None:
        return None
    until = arguments.fit_until
    seen = [one.frame["close_time"] <= until for one in tokens]
    vocabulary = Vocabulary.fit(
        np.concatenate([one.codes[mask] for one, mask in zip(tokens, seen, strict=True)]),
        pd.concat([one.frame["close_time"][m] for one, m in zip(tokens, seen, strict=True)]),
        until,
        fields=config.vocabulary.fields,
        min_freq=config.vocabulary.min_freq,
        parameters=config.parameters,
    )
    arguments.output.mkdir(parents=True, exist_ok=True)
    vocabulary.save(arguments.output)
    print(f"vocabulary of {len(vocabulary)} ids fitted on bars closed by {until.isoformat()}")
    return vocabulary


def _write(
    tokens: Iterable[Tokens], output: Path, config: TokenizeConfig, vocabulary: Vocabulary | None
) -> None:
    """Write one Parquet file an instrument, with flat ids where there is a vocabulary."""
    metadata = {"grammar": config.grammar_hash}
    if vocabulary is not None:
        metadata |= {"vocabulary_fields": ",".join(vocabulary.fields)}
    for one in tokens:
        frame = one.frame
        if vocabulary is not None:
            frame = frame.assign(flat_id=vocabulary.encode(one.codes))
            unknown = float((frame["flat_id"] == UNK).mean())
            print(f"{one.instrument}: {unknown:.1%} of bars are outside the vocabulary")
        table = pa.Table.from_pandas(frame, preserve_index=False)
        with replacing(output / f"{encode_part(one.instrument)}.parquet") as temporary:
            pq.write_table(table.replace_schema_metadata(metadata), temporary)


def _chosen(known: Sequence[str], wanted: str | None) -> list[str]:
    if wanted is not None and wanted not in known:
        raise KeyNotFoundError(f"no bars of {wanted!r}", fix=nearest(wanted, known))
    return list(known) if wanted is None else [wanted]


def _progress(what: str, rows: int, started: float) -> None:
    seconds = time.perf_counter() - started
    print(f"  {what:<40} {rows:>9} bars {seconds:7.2f} s", file=sys.stderr, flush=True)


def _stamp(text: str) -> pd.Timestamp:
    try:
        stamp = pd.Timestamp(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not a date such as 2024-01-31") from None
    return stamp.tz_localize("UTC") if stamp.tz is None else stamp.tz_convert("UTC")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m fints_pipeline.tokenize",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--input", type=Path, required=True,
        help="a lake's root; or a file or folder of bars (Parquet, CSV) with open, high, low, "
        "close and a time column",
    )  # fmt: skip
    parser.add_argument(
        "--output", type=Path,
        help="folder for one Parquet file of tokens an instrument; a lake's default is its own "
        "table `tokens`",
    )  # fmt: skip
    parser.add_argument(
        "--config", type=Path, default=Path("configs/tokenize/brooks.yaml"),
        help="the tokenizer's YAML file (default: %(default)s)",
    )  # fmt: skip
    parser.add_argument("--instrument", help="tokenize this one only")
    parser.add_argument("--freq", help="of a lake: this frequency instead of each dataset's own")
    flat = parser.add_mutually_exclusive_group()
    flat.add_argument(
        "--vocabulary", type=Path, metavar="FILE", help="add flat ids of this vocabulary.json"
    )
    flat.add_argument(
        "--fit-until", type=_stamp, metavar="DATE",
        help="fit a vocabulary on bars closed by this UTC date or time, save it, add flat ids",
    )  # fmt: skip
    files = parser.add_argument_group("loose files")
    files.add_argument("--tick", type=float, help="price of one tick (default: inferred)")
    files.add_argument(
        "--calendar", default="crypto_24_7",
        help="gives sessions and their mode: crypto_24_7 (UTC days, the default), fx_24_5, or an "
        "exchange such as XNYS",
    )  # fmt: skip
    files.add_argument(
        "--session-mode", choices=("reset", "continuous"),
        help="whether prior-bar relations restart each session (default: the calendar's)",
    )  # fmt: skip
    return parser


if __name__ == "__main__":
    sys.exit(cli.run(main))
