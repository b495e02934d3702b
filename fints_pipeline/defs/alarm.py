"""Tells someone when a run fails: in the daemon's log, and at a webhook if one is set."""

import json
import os
import urllib.request
from typing import Any

import dagster as dg
from dagster._core.storage.tags import (
    ASSET_PARTITION_RANGE_END_TAG,
    ASSET_PARTITION_RANGE_START_TAG,
)

WEBHOOK_VARIABLE = "FINTS_FAILURE_WEBHOOK"
TIMEOUT_SECONDS = 10.0
_RANGE = (ASSET_PARTITION_RANGE_START_TAG, ASSET_PARTITION_RANGE_END_TAG)


class Alarm(dg.ConfigurableResource):
    """Where failures are reported.

    Attributes:
        webhook: URL that gets a JSON object by POST for each failed run; empty posts nothing. A
            Slack or Mattermost incoming webhook shows its ``text``.
    """

    webhook: str = ""

    @classmethod
    def from_environment(cls) -> "Alarm":
        """Return the alarm that ``FINTS_FAILURE_WEBHOOK`` configures."""
        return cls(webhook=os.environ.get(WEBHOOK_VARIABLE, ""))

    def raise_for(self, facts: dict[str, str]) -> None:
        """Post a failure; a webhook that does not answer raises `OSError`."""
        if not self.webhook:
            return
        request = urllib.request.Request(
            self.webhook,
            data=json.dumps(facts).encode(),
            headers={"Content-Type": "application/json"},
        )
        urllib.request.urlopen(request, timeout=TIMEOUT_SECONDS).close()


def facts_of(run: dg.DagsterRun, message: str) -> dict[str, str]:
    """Return what a failed run's report says: job, partition, run id, message, and all as text."""
    ends = [run.tags.get(tag, "") for tag in _RANGE]
    partition = run.tags.get("dagster/partition", "") or " to ".join(filter(None, ends))
    name = f"{run.job_name} {partition}".strip()
    return {
        "text": f"{name} failed: {message}",
        "job": run.job_name,
        "partition": partition,
        "run_id": run.run_id,
        "message": message,
    }


@dg.run_failure_sensor(
    name="failure_alarm",
    minimum_interval_seconds=30,
    monitor_all_code_locations=True,  # runs from a command line belong to none
    description=f"Logs each failed run, and posts it to {WEBHOOK_VARIABLE} if that is set.",
)
def failure_alarm(context: dg.RunFailureSensorContext, alarm: Alarm):
    """Report one failed run, first in the log, so that a broken webhook hides nothing."""
    facts: dict[str, Any] = facts_of(context.dagster_run, context.failure_event.message or "")
    context.log.error(facts["text"])
    alarm.raise_for(facts)
