"""A network's forecasts are read wherever its weights are."""

from types import SimpleNamespace
from typing import Any, cast

import pytest
import torch
from torch import Tensor, nn

from fints_pipeline.training.outlook import look_ahead


class Elsewhere(nn.Module):
    """Has its weight on another device, and tells where its input was."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(1, device="meta"))
        self.seen = ""

    def forward(self, past: Tensor) -> Tensor:
        self.seen = past.device.type
        return torch.zeros(len(past), 2, 1)

    def sample(self, past: Tensor) -> Tensor:
        return self(past)[None]


@pytest.mark.parametrize("samples_paths", [False, True])
def test_windows_go_to_the_network_s_device(samples_paths: bool) -> None:
    network = Elsewhere()
    config = cast(Any, SimpleNamespace(samples_paths=samples_paths))
    windows = SimpleNamespace(
        rows=torch.arange(3), inputs=lambda rows: {"past": torch.zeros(len(rows), 4, 1)}
    )
    outlook = look_ahead(network, config, cast(Any, windows), 0, 2)
    assert network.seen == "meta"
    assert outlook.path_NH.shape == (3, 2)
