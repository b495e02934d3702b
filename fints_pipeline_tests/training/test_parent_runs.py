"""Processes that begin an experiment at once end below one MLflow run, however their steps fall."""

from collections.abc import Callable
from contextlib import nullcontext
from itertools import count
from threading import Semaphore, Thread
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fints_pipeline.training import parent_runs
from fints_pipeline.training.parent_runs import FINGERPRINT_TAG, PARENT_TAG
from fints_pipeline.training.tracking import MlflowTracker, tracked_runs
from fints_pipeline_tests.training import toy

PROCESSES = 3


class Page(list):
    """What a search returns, always whole."""

    token = None


class Store:
    """As much of MLflow as the tracker uses; each call waits for its process's turn."""

    def __init__(self, ids: list[int], wait: Callable[[], None]) -> None:
        self.runs: dict[str, SimpleNamespace] = {}
        self._ids = iter(ids)
        self._later = count(1000)
        self._searches = 0
        self._wait = wait

    def get_tracking_uri(self) -> str:
        return "http://server"

    def MlflowClient(self) -> "Store":
        return self

    def get_experiment_by_name(self, name: str) -> SimpleNamespace:
        return SimpleNamespace(experiment_id="1")

    def create_run(self, home: str, tags: dict[str, str], run_name: str) -> SimpleNamespace:
        self._wait()
        run_id = f"{next(self._ids, None) or next(self._later):06d}"
        info = SimpleNamespace(run_id=run_id, experiment_id=home, status="RUNNING")
        self.runs[run_id] = SimpleNamespace(info=info, data=SimpleNamespace(tags=dict(tags)))
        return self.runs[run_id]

    def get_run(self, run_id: str) -> SimpleNamespace:
        return self.runs[run_id]

    def search_runs(self, homes: list[str], wanted: str, **_: Any) -> Page:
        self._wait()
        condition, *more = wanted.split(" and ")
        tag, value = condition.removeprefix("tags.`").removesuffix("'").split("` = '")
        found = [run for run in self.runs.values() if run.data.tags.get(tag) == value]
        if more:
            found = [run for run in found if run.info.status == "FINISHED"]
            found = [run for run in found if run.data.tags.get("model")]
        self._searches += 1
        return Page(found[:: -1 if self._searches % 2 else 1])  # clocks give no order

    def set_tag(self, run_id: str, key: str, value: str) -> None:
        self._wait()
        self.runs[run_id].data.tags[key] = value

    def set_terminated(self, run_id: str, status: str) -> None:
        self.runs[run_id].info.status = status

    def log_batch(self, run_id: str, **_: Any) -> None:
        assert run_id in self.runs


class Killed(BaseException):
    """Ends a process where it stands."""


class Turns:
    """Lets threads go on one store call at a time, in a given order."""

    def __init__(self) -> None:
        self._go = [Semaphore(0) for _ in range(PROCESSES)]
        self._stopped = Semaphore(0)
        self._names: dict[Any, int] = {}
        self._kill: set[int] = set()

    def wait(self) -> None:
        """Wait for this thread's turn; threads that are not played are not held."""
        from threading import current_thread

        me = self._names.get(current_thread())
        if me is None:
            return
        self._stopped.release()
        self._go[me].acquire()
        if me in self._kill:
            raise Killed

    def play(self, work: Callable[[int], None], order: list[int], dying: int | None) -> None:
        """Run the work of all processes; one may be killed when the order has been played."""

        def run(me: int) -> None:
            try:
                self._go[me].acquire()
                work(me)
            except Killed:
                pass
            finally:
                done.add(me)
                self._stopped.release()

        done: set[int] = set()
        threads = [Thread(target=run, args=(me,)) for me in range(PROCESSES)]
        self._names = {thread: me for me, thread in enumerate(threads)}
        for thread in threads:
            thread.start()
        for number in count():
            alive = [me for me in range(PROCESSES) if me not in done]
            if not alive:
                break
            if number == len(order) and dying is not None:
                self._kill.add(dying)
            chosen = order[number] if number < len(order) else number
            self._go[alive[chosen % len(alive)]].release()
            self._stopped.acquire()
        for thread in threads:
            thread.join()


ids = st.permutations(range(1, 2 * PROCESSES + 1))
orders = st.lists(st.integers(0, PROCESSES - 1), max_size=60)


def race(ids: list[int], order: list[int], dying: int | None) -> tuple[Store, list[str]]:
    """Return the store after all processes have begun a fit at once, and the fits that finished."""
    turns = Turns()
    store = Store(ids, turns.wait)
    finished = []

    def work(me: int) -> None:
        with MlflowTracker(store).run(toy.experiment(), f"fold{me}", "mlm") as log:
            pass
        finished.append(str(log.run_id))

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(parent_runs, "one_at_a_time", lambda uri: nullcontext())
        turns.play(work, order, dying)
        parent_runs.parent_run_id(store, toy.experiment())
    return store, finished


def known(store: Store) -> list[str]:
    wanted = toy.experiment().fingerprint
    return [k for k, run in store.runs.items() if run.data.tags.get(FINGERPRINT_TAG) == wanted]


@settings(max_examples=300)
@given(ids=ids, order=orders)
def test_all_runs_end_below_one(ids: list[int], order: list[int]) -> None:
    store, finished = race(ids, order, None)
    (parent,) = known(store)
    assert len(finished) == PROCESSES
    assert {store.runs[run].data.tags[PARENT_TAG] for run in finished} == {parent}
    tracked = tracked_runs(store, "toy", [toy.experiment().fingerprint])
    assert sorted(run["run_id"] for run in tracked) == sorted(finished)


@settings(max_examples=100)
@given(ids=ids, order=orders, dying=st.integers(0, PROCESSES - 1))
def test_one_of_them_may_be_killed(ids: list[int], order: list[int], dying: int) -> None:
    store, finished = race(ids, order, dying)
    assert len(known(store)) == 1
    assert len(finished) >= PROCESSES - 1


def test_who_was_slow_puts_right_what_it_wrote_too_late(monkeypatch: pytest.MonkeyPatch) -> None:
    """It has read of two parents; before it writes, a third and lower one comes and takes all."""
    monkeypatch.setattr(parent_runs, "one_at_a_time", lambda uri: nullcontext())
    store = Store([2, 3, 4, 1], lambda: None)
    tags = {FINGERPRINT_TAG: toy.experiment().fingerprint}
    for _ in range(2):
        store.create_run("1", tags, "parent")
    store.create_run("1", {PARENT_TAG: "000003"}, "fit")
    write = store.set_tag

    def late(*arguments: str) -> None:
        monkeypatch.setattr(store, "set_tag", write)
        store.create_run("1", tags, "parent")
        assert parent_runs.parent_run_id(store, toy.experiment()) == "000001"
        assert store.runs["000004"].data.tags[PARENT_TAG] == "000001"
        write(*arguments)

    monkeypatch.setattr(store, "set_tag", late)
    assert parent_runs.parent_run_id(store, toy.experiment()) == "000001"
    assert {store.runs[f"{k:06d}"].data.tags[PARENT_TAG] for k in (2, 3, 4)} == {"000001"}
