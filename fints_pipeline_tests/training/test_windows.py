"""Windows: the gather equals slicing, and only whole, finite windows are named."""

import errno
import os
import pickle

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from fints_pipeline.base.errors import ConfigError, UserError
from fints_pipeline.training import windows
from fints_pipeline.training.windows import WindowTable, window_fits


def test_gathered_windows_equal_slices_of_their_own_series() -> None:
    blocks = [np.arange(12.0).reshape(6, 2), 100 + np.arange(10.0).reshape(5, 2)]
    table = WindowTable(blocks)
    whole = [window_fits(np.ones(len(block), bool), 3, 2) for block in blocks]
    rows = np.concatenate([table.global_rows(i, mask) for i, mask in enumerate(whole)])
    assert rows.tolist() == [2, 3, 8]
    past = table.past(torch.from_numpy(rows), 3)
    future = table.future(torch.from_numpy(rows), 2)
    assert past.shape == (3, 3, 2)
    assert past[0].tolist() == blocks[0][0:3].tolist()
    assert past[2].tolist() == blocks[1][0:3].tolist()
    assert future[1].tolist() == blocks[0][4:6].tolist()
    assert future[2].tolist() == blocks[1][3:5].tolist()


def test_a_mapped_tables_windows_are_the_resident_ones() -> None:
    rng = np.random.default_rng(1)
    blocks = [rng.normal(size=(length, 3)) for length in (7, 12, 5)]
    resident, mapped = WindowTable(blocks), WindowTable(iter(blocks), mapped_rows=24)
    assert isinstance(windows._mapped(iter(blocks), 24)[0], np.memmap)
    rows = torch.tensor([4, 6, 12, 22])
    assert torch.equal(mapped.past(rows, 3), resident.past(rows, 3))
    assert torch.equal(mapped.future(rows, 1), resident.future(rows, 1))
    assert torch.equal(mapped.series_of(rows), resident.series_of(rows))
    ids = [np.arange(4), np.arange(6)]
    assert torch.equal(WindowTable(ids, mapped_rows=10).values, WindowTable(ids).values)


def test_ids_are_gathered_as_integers() -> None:
    table = WindowTable([np.arange(5, dtype=np.int64)])
    assert table.past(torch.tensor([2, 4]), 3).tolist() == [[0, 1, 2], [2, 3, 4]]
    assert table.values.dtype == torch.int64


@given(
    finite=hnp.arrays(bool, st.integers(0, 40)),
    lookback=st.integers(1, 6),
    horizon=st.integers(0, 4),
)
def test_window_fits_equals_its_slow_twin(finite: np.ndarray, lookback: int, horizon: int) -> None:
    slow = [
        t - lookback + 1 >= 0
        and t + horizon < len(finite)
        and bool(finite[t - lookback + 1 : t + horizon + 1].all())
        for t in range(len(finite))
    ]
    assert window_fits(finite, lookback, horizon).tolist() == slow


def test_a_stride_keeps_its_places_when_earlier_rows_go() -> None:
    table = WindowTable([np.arange(20.0)])
    every = np.ones(20, bool)
    later = np.arange(20) >= 7
    assert set(table.global_rows(0, later, 4)) <= set(table.global_rows(0, every, 4))


def test_a_mapped_table_is_not_copied_to_other_processes() -> None:
    blocks = [np.ones((4, 2), dtype=np.float32)]
    assert torch.equal(pickle.loads(pickle.dumps(WindowTable(blocks))).values, torch.ones(4, 2))
    with pytest.raises(ConfigError, match="cannot be copied"):
        pickle.dumps(WindowTable(blocks, 4))


def test_a_full_disk_is_told_before_the_table_is_written(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "posix_fallocate", full)
    with pytest.raises(UserError, match="No space left") as told:
        WindowTable([np.ones((4, 2), dtype=np.float32)], 4)
    assert "TMPDIR" in str(told.value)
