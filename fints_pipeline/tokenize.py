"""Turn bars into Brooks price-action tokens: from the lake's bars, loose files, or raw archives.

    python -m fints_pipeline.tokenize --input data_lake
    python -m fints_pipeline.tokenize --input bars/ --output tokens/ --fit-until 2024-01-01
    python -m fints_pipeline.tokenize --input archives/ --output tokens/ --report report/

A lake is tokenized instrument by instrument and month by month, each month from the state that the
one before left, into the lake's table `tokens`: the same code and result as the asset
`brooks_tokens`. Ticks and calendars come from configs/data. A folder with zip or tar archives is
verified and cleaned first, as the inbox is, in a scratch lake. Loose files and archives give one
file of tokens an instrument. Flat ids are written only with a vocabulary (--vocabulary), or with
one that is fitted on the bars up to a date (--fit-until).
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import pandas as pd

from fints_pipeline.base import cli
from fints_pipeline.base.config import load_config
from fints_pipeline.base.errors import ConfigError, KeyNotFoundError, nearest
from fints_pipeline.base.frames import to_pandas
from fints_pipeline.base.lake import Lake
from fints_pipeline.base.locations import Locations
from fints_pipeline.base.scratch import scratch
from fints_pipeline.data import partition as bars_partition
from fints_pipeline.data.calendars import calendar_for
from fints_pipeline.data.config import DatasetConfig
from fints_pipeline.data.limits import load_limits
from fints_pipeline.data.slices import slices
from fints_pipeline.data.staging import stage_inbox
from fints_pipeline.tokenizers import partition
from fints_pipeline.tokenizers.arguments import parser
from fints_pipeline.tokenizers.bar_files import bar_files, read_bars
from fints_pipeline.tokenizers.config import TokenizeConfig
from fints_pipeline.tokenizers.output import fit_vocabulary, write_tokens
from fints_pipeline.tokenizers.report import render
from fints_pipeline.tokenizers.report.measures import Series
from fints_pipeline.tokenizers.run import tokenize_month
from fints_pipeline.tokenizers.summary import Tokens, summary
from fints_pipeline.tokenizers.vocabulary import Vocabulary

ARCHIVES = (".zip", ".tar", ".tgz", ".tar.gz")


def main(argv: Sequence[str] | None = None) -> int:
    """Tokenize what the arguments name; return the exit status."""
    arguments = parser(__doc__).parse_args(argv)
    config = load_config(arguments.config, TokenizeConfig)
    source = arguments.input
    if not source.exists():
        raise KeyNotFoundError(
            "no such file or folder", where=str(source), fix="name one that holds bars"
        )
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
    reported: list[Series] = []
    if in_lake:
        made = from_lake(Lake(source), config, arguments, reported)
    elif _holds_archives(source):
        made = from_archives(config, arguments, reported)
    else:
        made = from_files(config, arguments, reported)
    tokens = list(made)
    if not to_lake:
        vocabulary = _vocabulary(tokens, config, arguments)
        unknown = write_tokens(tokens, output, config, vocabulary, arguments.format)
        for instrument, share in unknown.items():
            print(f"{instrument}: {share:.1%} of bars are outside the vocabulary")
        print(f"tokens written to {output}")
    if arguments.report is not None:
        render.write(arguments.report, reported, config, fit_until=arguments.fit_until)
        print(f"report: {arguments.report / 'tokens.html'}")
    print(summary(tokens))
    return 0


def from_lake(
    lake: Lake, config: TokenizeConfig, arguments: argparse.Namespace, reported: list[Series]
) -> Iterator[Tokens]:
    """Tokenize the lake's bars into its table ``tokens``, months in order; yield them.

    Bars go to ``reported`` where a report is asked for; so in the other two.

    Raises:
        KeyNotFoundError: there are no bars of the instrument, or its dataset has no config.
    """
    plan = list(_plan(lake, arguments.freq, arguments.instrument))
    if not plan:
        raise KeyNotFoundError(
            "the lake has no bars to tokenize",
            where=lake.location,
            fix="run the data job first, or choose another --freq or --instrument",
        )
    for freq, instrument, dataset in plan:
        symbol = dataset.symbol(instrument)
        mode = dataset.calendar_of(symbol).mode
        tick = dataset.ticks.get(symbol, dataset.ticks.get("*"))
        months = lake.months("bars", freq, instrument)
        for month in months:
            started = time.perf_counter()
            footer = partition.build(
                lake, config, freq, instrument, month, tick=tick, session_mode=mode
            )
            _progress(f"{instrument} {freq} {month}", footer.rows, started)
        rows = lake.read_range("tokens", freq, instrument, months[0], months[-1])
        if arguments.report is not None:
            bars = to_pandas(lake.read_range("bars", freq, instrument, months[0], months[-1]))
            reported.append(Series(instrument, bars, tick, mode))
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


def from_files(
    config: TokenizeConfig, arguments: argparse.Namespace, reported: list[Series]
) -> Iterator[Tokens]:
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
        if arguments.report is not None:
            reported.append(Series(instrument, own.reset_index(drop=True), arguments.tick, mode))
        yield Tokens(instrument, frame, mode)


def from_archives(
    config: TokenizeConfig, arguments: argparse.Namespace, reported: list[Series]
) -> Iterator[Tokens]:
    """Stage a folder of raw archives in a scratch lake, make its bars and tokenize them.

    Raises:
        KeyNotFoundError: no archive could be read.
    """
    locations = Locations.from_environment()
    paths = locations.dataset_configs()
    datasets = [load_config(path, DatasetConfig, section="dataset") for path in paths]
    with scratch("tokenize") as folder:
        lake = Lake(folder)
        report = stage_inbox(arguments.input, lake, datasets, load_limits(locations))
        for record in report.quarantined:
            print(f"  left out: {record.path}: {record.reason}", file=sys.stderr)
        by_name = {dataset.name: dataset for dataset in datasets}
        for instrument, month in sorted(slices(lake)):
            started = time.perf_counter()
            dataset = by_name[instrument.partition(".")[0]]
            made = bars_partition.build(lake, dataset, instrument, month)
            rows = made.footers[dataset.base_frequency].rows
            _progress(f"{instrument} {dataset.base_frequency} {month}", rows, started)
        yield from from_lake(lake, config, arguments, reported)


def _holds_archives(source: Path) -> bool:
    return source.is_dir() and any(
        path.name.lower().endswith(ARCHIVES) for path in source.rglob("*") if path.is_file()
    )


def _vocabulary(
    tokens: Sequence[Tokens], config: TokenizeConfig, arguments: argparse.Namespace
) -> Vocabulary | None:
    if arguments.vocabulary:
        return Vocabulary.load(arguments.vocabulary, config.grammar_hash)
    if arguments.fit_until is None:
        return None
    vocabulary = fit_vocabulary(tokens, arguments.fit_until, config)
    arguments.output.mkdir(parents=True, exist_ok=True)
    vocabulary.save(arguments.output)
    until = arguments.fit_until.isoformat()
    print(f"vocabulary of {len(vocabulary)} ids fitted on bars closed by {until}")
    return vocabulary


def _chosen(known: Sequence[str], wanted: str | None) -> list[str]:
    if wanted is not None and wanted not in known:
        raise KeyNotFoundError(f"no bars of {wanted!r}", fix=nearest(wanted, known))
    return list(known) if wanted is None else [wanted]


def _progress(what: str, rows: int, started: float) -> None:
    seconds = time.perf_counter() - started
    print(f"  {what:<40} {rows:>9} bars {seconds:7.2f} s", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(cli.run(main))
