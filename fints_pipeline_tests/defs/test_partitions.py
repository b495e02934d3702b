import sqlite3

import dagster as dg
import pytest
from dagster._core.storage.event_log import SqlEventLogStorage
from sqlalchemy.exc import IntegrityError

from fints_pipeline.defs.partitions import INSTRUMENTS, register, registered


@pytest.fixture
def refusals(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Let another process come first as often as the list's number says."""
    add = SqlEventLogStorage.add_dynamic_partitions
    left = [0]

    def second(self: SqlEventLogStorage, name: str, keys: list[str]) -> None:
        if left[0]:
            left[0] -= 1
            add(self, name, keys[:1])
            raise IntegrityError("INSERT", None, sqlite3.IntegrityError("UNIQUE constraint failed"))
        add(self, name, keys)

    monkeypatch.setattr(SqlEventLogStorage, "add_dynamic_partitions", second)
    return left


def test_two_may_register_the_same_at_once(instance: dg.DagsterInstance, refusals: list[int]):
    refusals[0] = 3
    register(instance, INSTRUMENTS, ["x.A", "x.B"])
    assert registered(instance, INSTRUMENTS) == ["x.A", "x.B"]
    assert refusals == [0]


def test_a_database_that_never_takes_them_is_an_error(
    instance: dg.DagsterInstance, refusals: list[int]
):
    refusals[0] = 1000
    with pytest.raises(IntegrityError):
        register(instance, INSTRUMENTS, ["x.A", "x.B"])
