"""Embedded news: computed once, read as of each bar's close."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from fints_pipeline import embed
from fints_pipeline.base.errors import KeyNotFoundError, SchemaError
from fints_pipeline.base.lake import Lake
from fints_pipeline.models._text_encoder import TextEncoder, load_text_encoder
from fints_pipeline.training.text_cache import (
    CachedText,
    embed_news,
    encoder_name,
    load_text,
    text_key,
)
from fints_pipeline.training.text_windows import NONE, TextWindows, on_bars
from fints_pipeline_tests import tiny_bert
from fints_pipeline_tests.items import Item, put_items

FIRST = datetime.fromisoformat("2024-01-30T10:00:00+00:00")
TEXTS = ["buy apple", "apple misses estimates", "buy apple", "sell today", "beats estimates today"]


def item(number: int, symbol: str = "AAPL") -> Item:
    words = tuple(TEXTS[number % len(TEXTS)].split())
    return Item(symbol, FIRST + timedelta(hours=13 * number), words)


@pytest.fixture
def encoder(tmp_path: Path) -> TextEncoder:
    return load_text_encoder(str(tiny_bert.save(tmp_path / "tiny")))


@pytest.fixture
def news(lake: Lake) -> Lake:
    put_items(lake, "stocknet", [item(n) for n in (4, 1, 0, 2)])
    return lake


def test_each_text_is_embedded_once(news: Lake, encoder: TextEncoder) -> None:
    first = embed_news(news, "stocknet.AAPL", encoder)
    assert (first.items, first.texts, first.new) == (4, 3, 3)
    cached = load_text(news, encoder_name(encoder), ["stocknet.AAPL", "stocknet.XOM"])
    assert list(cached) == ["stocknet.AAPL"]
    before = cached["stocknet.AAPL"]
    assert (np.diff(before.known_at) > np.timedelta64(0)).all()
    expected = encoder.embed([TEXTS[n] for n in (0, 1, 2, 4)])
    torch.testing.assert_close(before.vectors[torch.from_numpy(before.text)], expected)

    assert embed_news(news, "stocknet.AAPL", encoder).new == 0
    put_items(news, "stocknet", [item(3)])
    assert embed_news(news, "stocknet.AAPL", encoder).new == 1
    after = load_text(news, encoder_name(encoder), ["stocknet.AAPL"])["stocknet.AAPL"]
    old = after.known_at != np.datetime64((FIRST + timedelta(hours=39)).replace(tzinfo=None))
    assert torch.equal(after.vectors[after.text[old]], before.vectors[before.text])


def test_texts_that_are_known_are_not_computed_again(
    news: Lake, encoder: TextEncoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    embed_news(news, "stocknet.AAPL", encoder)
    monkeypatch.setattr(TextEncoder, "embed", None)
    assert embed_news(news, "stocknet.AAPL", encoder).items == 4


def test_other_weights_make_another_bundle(
    news: Lake, encoder: TextEncoder, tmp_path: Path
) -> None:
    other = load_text_encoder(str(tiny_bert.save(tmp_path / "other" / "tiny", seed=1)))
    assert embed_news(news, "stocknet.AAPL", encoder).key == text_key(
        encoder_name(encoder), "stocknet.AAPL"
    )
    assert embed_news(news, "stocknet.AAPL", other).new == 3
    both = [load_text(news, encoder_name(one), ["stocknet.AAPL"]) for one in (encoder, other)]
    vectors = [one["stocknet.AAPL"].vectors for one in both]
    assert not torch.equal(*vectors)


def test_what_is_not_there_is_said(news: Lake, encoder: TextEncoder) -> None:
    with pytest.raises(KeyNotFoundError, match=r"no news about 'stocknet\.XOM'"):
        embed_news(news, "stocknet.XOM", encoder)
    with pytest.raises(KeyNotFoundError, match="embedded with 'tiny-000'"):
        load_text(news, "tiny-000", ["stocknet.AAPL"])


def test_the_command_line_prints_the_encoders_name(
    news: Lake, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tiny_bert.save(tmp_path / "tiny")
    assert embed.main(["--encoder", str(folder), "--lake", str(news.root)]) == 0
    shown = capsys.readouterr().out
    assert "stocknet.AAPL: 4 items, 3 texts, 3 of them new" in shown
    name = shown.split("text: ")[1].split()[0]
    assert load_text(news, name, ["stocknet.AAPL"])


def stamps(minutes: list[int]) -> np.ndarray:
    return np.array(minutes, dtype="datetime64[m]").astype("datetime64[us]")


def cached_at(minutes: list[int], seed: int = 0) -> CachedText:
    generator = torch.Generator().manual_seed(seed)
    vectors = torch.randn(max(1, len(minutes)), 3, generator=generator)
    text = np.arange(len(minutes))
    return CachedText(stamps(sorted(minutes)), text, vectors, np.empty((0, 16), np.uint8))


FIVE = [(n * 5, n * 5 + 5) for n in range(12) if n not in (4, 5)]  # with a gap
OPEN, CLOSE = (stamps([pair[side] for pair in FIVE]) for side in (0, 1))


@settings(max_examples=40, deadline=None)
@given(minutes=st.lists(st.integers(-5, 70), max_size=12), lag=st.integers(0, 7))
def test_a_bar_takes_what_came_out_since_the_one_before(minutes: list[int], lag: int) -> None:
    cached = cached_at(minutes)
    made = on_bars(OPEN, CLOSE, cached, timedelta(minutes=lag))
    used = sorted(minutes)
    for row, (start, close) in enumerate(FIVE):
        since = start if row == 0 else FIVE[row - 1][1]
        own = [n for n, minute in enumerate(used) if since < minute + lag <= close]
        if own:
            torch.testing.assert_close(made.vectors[made.place[row]], cached.vectors[own].mean(0))
        else:
            assert made.place[row] == NONE


@settings(max_examples=30, deadline=None)
@given(minutes=st.lists(st.integers(0, 60), max_size=12), cut=st.integers(1, len(FIVE)))
def test_later_items_and_earlier_rows_change_nothing(minutes: list[int], cut: int) -> None:
    whole = on_bars(OPEN, CLOSE, cached_at(minutes))
    now = FIVE[cut - 1][1]
    known = [minute for minute in minutes if minute <= now]
    shocked = cached_at(known)
    noise = cached_at([now + 1, now + 2], seed=9)
    later = CachedText(
        np.concatenate([shocked.known_at, noise.known_at]),
        np.concatenate([shocked.text, noise.text + len(shocked.vectors)]),
        torch.cat([cached_at(minutes).vectors[: len(shocked.vectors)], noise.vectors]),
        shocked.digests,
    )
    changed = on_bars(OPEN, CLOSE, later)
    assert np.array_equal(whole.place[:cut], changed.place[:cut])
    own = int((whole.place[:cut] != NONE).sum())
    assert torch.equal(whole.vectors[:own], changed.vectors[:own])
    part = on_bars(OPEN[cut - 1 :], CLOSE[cut - 1 :], cached_at(minutes))
    for own_place, place in zip(part.place[1:], whole.place[cut:], strict=True):
        assert (own_place == NONE) == (place == NONE)
        if place != NONE:
            assert torch.equal(part.vectors[own_place], whole.vectors[place])


def test_a_negative_lag_looks_ahead() -> None:
    with pytest.raises(SchemaError, match="look ahead"):
        on_bars(OPEN, CLOSE, cached_at([3]), timedelta(minutes=-1))


def test_windows_are_gathered_over_all_series() -> None:
    blocks = [on_bars(OPEN, CLOSE, cached_at(m, seed)) for seed, m in enumerate([[3, 12, 47], []])]
    windows = TextWindows([*blocks, blocks[0]], width=3)
    count = len(FIVE)
    for series, block in ((0, blocks[0]), (1, blocks[1]), (2, blocks[0])):
        rows = torch.arange(3, count)
        text, mask = windows.past(rows + series * count, 4)
        for place, row in enumerate(rows.tolist()):
            own = block.place[row - 3 : row + 1]
            assert mask[place].tolist() == (own != NONE).tolist()
            for bar, at in enumerate(own):
                expected = block.vectors[at] if at != NONE else torch.zeros(3)
                assert torch.equal(text[place, bar], expected)
