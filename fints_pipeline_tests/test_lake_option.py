"""`--lake` takes a bucket's address as well as a folder, in every command that has it."""

from argparse import ArgumentParser
from pathlib import Path

import pytest

from fints_pipeline import backtest, embed, predict
from fints_pipeline.explain import __main__ as explain
from fints_pipeline.training import console

PARSERS = {
    "train": lambda: console.parser(None),
    "predict": predict._parser,
    "backtest": backtest._parser,
    "explain": explain._parser,
    "embed": embed._parser,
}


@pytest.mark.parametrize("command", PARSERS)
@pytest.mark.parametrize("lake", ["s3://bucket/lake", Path("some/lake")])
def test_a_lake_is_a_folder_or_a_bucket(command: str, lake: str | Path) -> None:
    parser: ArgumentParser = PARSERS[command]()
    required = [a.option_strings[0] for a in parser._actions if a.required and a.option_strings]
    given = [part for option in required for part in (option, "given")]
    assert parser.parse_args([*given, "--lake", str(lake)]).lake == lake
