"""Calling a network with the parts of a batch that its forward asks for by name."""

from __future__ import annotations

import inspect
from typing import Any

from torch import nn

from fints_pipeline.training.batches import Batch

INPUTS = (
    "past",
    "past_time",
    "future_time",
    "instrument",
    "input_ids",
    "attention_mask",
    "text",
    "text_mask",
)
"""Names of what is known when a forecast is made."""
TEACHER = "future"


def asks_for(network: nn.Module) -> frozenset[str]:
    """Return the names of the network's inputs."""
    return frozenset(inspect.signature(network.forward).parameters)


def call(network: nn.Module, batch: Batch, *, teach: bool = False) -> Any:
    """Return what the network makes of a batch.

    Args:
        network: its forward's keyword names are the batch's keys.
        batch: may hold more than it asks for.
        teach: pass ``future`` too, to networks whose decoder is fed with it while it learns.
    """
    wanted = asks_for(network)
    names = (*INPUTS, TEACHER) if teach else INPUTS
    return network(**{name: batch[name] for name in names if name in wanted and name in batch})
