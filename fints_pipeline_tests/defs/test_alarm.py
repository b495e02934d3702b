import json
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import dagster as dg
import pytest

from fints_pipeline.defs.alarm import Alarm, failure_alarm


@dg.op
def breaks():
    raise dg.Failure("the archive is torn")


@dg.job
def broken():
    breaks()


@pytest.fixture
def hook():
    """Serve a webhook on a free port; yields its address and what was posted."""
    posted: list[dict] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            posted.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_arguments):
            """Stay quiet."""

    server = HTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/", posted
    server.shutdown()
    server.server_close()


def ring(instance: dg.DagsterInstance, webhook: str) -> str:
    run = broken.execute_in_process(instance=instance, raise_on_error=False)
    context = dg.build_run_status_sensor_context(
        sensor_name="failure_alarm",
        dagster_instance=instance,
        dagster_run=run.dagster_run,
        dagster_event=run.get_run_failure_event(),
        resources={"alarm": Alarm(webhook=webhook)},
    ).for_run_failure()
    failure_alarm(context)
    return run.run_id


def test_a_failed_run_is_posted(instance, hook):
    address, posted = hook
    run_id = ring(instance, address)
    (facts,) = posted
    assert facts["job"] == "broken"
    assert facts["run_id"] == run_id
    assert "broken failed" in facts["text"]


def test_without_a_webhook_it_only_logs(instance, hook):
    ring(instance, "")
    assert hook[1] == []


def test_a_dead_webhook_is_an_error_of_the_tick(instance):
    with pytest.raises(OSError, match="refused"):
        ring(instance, "http://127.0.0.1:9/")


def test_a_run_from_a_command_line_is_heard_by_the_daemon(instance, hook):
    """Such a run belongs to no code location, unlike the sensor."""
    address, posted = hook

    def tick(cursor):
        context = dg.build_sensor_context(
            instance=instance,
            cursor=cursor,
            repository_name="__repository__",
            repository_def=dg.Definitions(sensors=[failure_alarm]).get_repository_def(),
            resources={"alarm": Alarm(webhook=address)},
        )
        return failure_alarm.evaluate_tick(context).cursor

    cursor = tick(None)
    tags = {
        "dagster/asset_partition_range_start": "binance.BTCUSDT|2023-01",
        "dagster/asset_partition_range_end": "binance.BTCUSDT|2023-06",
    }
    broken.execute_in_process(instance=instance, raise_on_error=False, tags=tags)
    tick(cursor)
    (facts,) = posted
    assert facts["partition"] == "binance.BTCUSDT|2023-01 to binance.BTCUSDT|2023-06"
