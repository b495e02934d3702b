"""What the tokenize command takes."""

from __future__ import annotations

import argparse
from pathlib import Path

import pandas as pd


def parser(description: str | None) -> argparse.ArgumentParser:
    """Return the parser of ``python -m fints_pipeline.tokenize``."""
    parser = argparse.ArgumentParser(
        prog="python -m fints_pipeline.tokenize",
        description=description,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--input", type=Path, required=True,
        help="a lake's root; or a folder of raw archives; or a file or folder of bars (Parquet, "
        "CSV) with open, high, low, close and a time column",
    )  # fmt: skip
    parser.add_argument(
        "--output", type=Path,
        help="folder for one file of tokens an instrument; a lake's default is its own table "
        "`tokens`",
    )  # fmt: skip
    parser.add_argument(
        "--format", choices=("parquet", "arrow", "safetensors"), default="parquet",
        help="of the files in --output (default: %(default)s)",
    )  # fmt: skip
    parser.add_argument(
        "--report", type=Path, metavar="FOLDER",
        help="write statistics and charts of the tokens: tokens.html and tokens.json",
    )  # fmt: skip
    parser.add_argument(
        "--config", type=Path, default=Path("configs/tokenize/brooks.yaml"),
        help="the tokenizer's YAML file (default: %(default)s)",
    )  # fmt: skip
    parser.add_argument("--instrument", help="tokenize this one only")
    parser.add_argument(
        "--freq", help="of a lake or archives: this frequency instead of each dataset's own"
    )
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


def _stamp(text: str) -> pd.Timestamp:
    try:
        stamp = pd.Timestamp(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not a date such as 2024-01-31") from None
    return stamp.tz_localize("UTC") if stamp.tz is None else stamp.tz_convert("UTC")
