import threading

import dagster as dg

from fints_pipeline.base.lake import Lake
from fints_pipeline.defs.events import Reporter
from fints_pipeline.defs.making import alone

EDGE = "synthetic.EDGE"


def test_a_run_that_waits_for_another_says_so(
    instance: dg.DagsterInstance, lake: Lake, capsys
) -> None:
    context = dg.build_asset_context(instance=instance)
    waits = Reporter(context).waits(EDGE)
    told = threading.Event()

    def busy() -> None:
        waits()
        told.set()

    def second() -> None:
        with alone(lake, EDGE, busy):
            pass

    with alone(lake, EDGE, waits):
        assert EDGE not in capsys.readouterr().err
        other = threading.Thread(target=second)
        other.start()
        assert told.wait(30)
    other.join(30)
    assert capsys.readouterr().err.count(f"waiting for another run that makes {EDGE}") == 1
