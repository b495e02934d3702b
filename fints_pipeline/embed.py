"""Embed the lake's news with a language model, once a text; training reads the vectors.

    python -m fints_pipeline.embed --encoder finbert/ --instrument stocknet.AAPL

The encoder is a folder in Hugging Face's layout (``hf download ProsusAI/finbert --local-dir
finbert`` makes one), or a name that is in Hugging Face's cache. What it prints at the end is the
encoder's full name, for ``text:`` of a fusion model in configs/train/. Running it again embeds new
texts only.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from fints_pipeline.base import cli
from fints_pipeline.base.errors import KeyNotFoundError
from fints_pipeline.base.lake import Lake
from fints_pipeline.base.locations import Locations, lake_location


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line."""
    args = _parser().parse_args(argv)
    from fints_pipeline.models._text_encoder import load_text_encoder
    from fints_pipeline.training.text_cache import EVENT, NEWS, embed_news, encoder_name

    lake = Lake(args.lake) if args.lake is not None else Locations.from_environment().lake
    instruments = args.instrument or lake.instruments(NEWS, EVENT)
    if not instruments:
        raise KeyNotFoundError(
            "there is no news in the lake",
            where=lake.location,
            fix="read it in first: `python -m fints_pipeline.data news --help`",
        )
    encoder = load_text_encoder(
        args.encoder, download=args.download, pooling=args.pooling, max_tokens=args.max_tokens
    )
    for instrument in instruments:
        done = embed_news(lake, instrument, encoder)
        print(f"{instrument}: {done.items} items, {done.texts} texts, {done.new} of them new")
    print(f"text: {encoder_name(encoder)}    (vectors of {encoder.width})")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m fints_pipeline.embed",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--encoder", default="ProsusAI/finbert", help="folder or name (default: %(default)s)"
    )
    parser.add_argument(
        "--instrument", action="append", help="dataset.SYMBOL; repeat it (default: all with news)"
    )
    parser.add_argument(
        "--download", action="store_true", help="fetch the encoder if it is not in the cache"
    )
    parser.add_argument("--pooling", choices=("mean", "cls"), default="mean")
    parser.add_argument(
        "--max-tokens", type=int, default=128, help="cut longer texts (default: %(default)s)"
    )
    parser.add_argument(
        "--lake", type=lake_location, help="the lake (default: FINTS_LAKE or data_lake)"
    )
    return parser


if __name__ == "__main__":
    sys.exit(cli.run(main))
