"""The benchmark runner finds its entries; the measurements themselves are run by hand."""

import ast

import pytest

from benchmarks.__main__ import FOLDER, entries, main
from fints_pipeline.base.errors import KeyNotFoundError


def test_every_entry_says_what_it_measures_and_can_be_run() -> None:
    assert "oracle" in entries()
    for name, summary in entries().items():
        assert summary, name
        tree = ast.parse((FOLDER / f"{name.replace('-', '_')}.py").read_text())
        assert "main" in {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}


def test_without_an_entry_all_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    main([])
    assert "oracle" in capsys.readouterr().out


def test_a_wrong_entry_is_refused_with_the_right_ones() -> None:
    with pytest.raises(KeyNotFoundError, match="oracle"):
        main(["orakle"])


def test_the_oracles_rules_are_flat_overnight_and_act_a_bar_later() -> None:
    import pandas as pd

    from benchmarks.oracle import positions

    bars = pd.DataFrame({"session": ["a"] * 3 + ["b"] * 3})
    score = pd.Series([1.0, -1.0, 1.0, -1.0, 0.05, 1.0])
    assert positions(bars, score, band=0.1).tolist() == [0.0, 1.0, -1.0, 0.0, -1.0, -1.0]


def test_the_tokens_entry_says_what_is_missing(tmp_path, capsys) -> None:
    from benchmarks.tokens import markets

    assert list(markets(tmp_path)) == []
    printed = capsys.readouterr().out
    assert all(f"{name}: no data" in printed for name in ("SPY", "BTCUSDT", "EURUSD", "SPXUSD"))


def test_the_step_benchmark_counts_windows_and_multiplications() -> None:
    import torch

    from benchmarks.train_step import CHANNELS, speed
    from fints_pipeline.models.patchtst import PatchTSTConfig

    config = PatchTSTConfig(lookback=32, horizon=4, layers=1, width=8, heads=2, feed_forward=16)
    found = speed(config, torch.device("cpu"), half=False, compiled=False, batch=2)
    series, patches = 2 * CHANNELS, config.patches
    layer = 8 * 24 + 8 * 8 + 2 * 8 * 16 + 2 * patches * 8
    multiplied = series * (patches * (16 * 8 + layer) + patches * 8 * 4)
    # A multiplication and an addition each; the backward pass takes twice the forward's, less the
    # gradient of the windows, which nobody asks for.
    expected = 2 * (3 * multiplied - series * patches * 16 * 8)
    assert found.flops / found.windows * 2 == pytest.approx(expected, rel=1e-6)
