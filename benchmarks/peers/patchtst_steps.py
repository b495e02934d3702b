"""Times a training step of three PatchTSTs that take turns; run by the peers' environment.

Arguments: rounds, threads. Prints JSON: seconds of each step by implementation. All have the
paper's ETTh1 settings and do the same work: window normalisation, end padding, 3 post-norm layers,
forecast, and the way back to the window's units. The project's own is imported from its folder.
"""

from __future__ import annotations

import json
import sys
import time

import torch
from neuralforecast.models.patchtst import (  # type: ignore[import-not-found]
    PatchTST_backbone,
)
from torch import Tensor, nn
from transformers import PatchTSTConfig as HuggingFaceConfig
from transformers import PatchTSTForPrediction

from fints_pipeline.models.patchtst import PatchTSTConfig, build

BATCH, LOOKBACK, HORIZON, CHANNELS = 128, 336, 96, 7
PATCH, STRIDE, WIDTH, HEADS, FEED_FORWARD, DROPOUT = 16, 8, 16, 4, 128, 0.3


class HuggingFace(nn.Module):
    """Hugging Face's network; it pads no end, so it is given padded, normalised windows."""

    def __init__(self) -> None:
        super().__init__()
        self.net = PatchTSTForPrediction(
            HuggingFaceConfig(
                num_input_channels=CHANNELS,
                context_length=LOOKBACK + STRIDE,
                prediction_length=HORIZON,
                patch_length=PATCH,
                patch_stride=STRIDE,
                num_hidden_layers=3,
                d_model=WIDTH,
                num_attention_heads=HEADS,
                ffn_dim=FEED_FORWARD,
                norm_type="batchnorm",
                pre_norm=False,
                positional_encoding_type="random",
                pooling_type=None,
                use_cls_token=False,
                channel_attention=False,
                scaling=None,
                attention_dropout=0.0,
                positional_dropout=DROPOUT,
                path_dropout=DROPOUT,
                ff_dropout=DROPOUT,
                head_dropout=0.0,
                loss="mse",
            )
        )

    def forward(self, x_BLC: Tensor) -> Tensor:
        """Map windows (B, L, C) to forecasts (B, H, C)."""
        mean = x_BLC.mean(1, keepdim=True)
        scale = torch.sqrt(x_BLC.var(1, keepdim=True, unbiased=False) + 1e-5)
        normal = (x_BLC - mean) / scale
        padded = torch.cat([normal, normal[:, -1:].expand(-1, STRIDE, -1)], dim=1)
        forecast: Tensor = self.net(past_values=padded).prediction_outputs
        return forecast * scale + mean


class NeuralForecast(nn.Module):
    """The paper's code as neuralforecast carries it, without its trainer."""

    def __init__(self, residual: bool) -> None:
        super().__init__()
        self.net = PatchTST_backbone(
            c_in=CHANNELS,
            c_out=1,
            input_size=LOOKBACK,
            h=HORIZON,
            patch_len=PATCH,
            stride=STRIDE,
            n_layers=3,
            hidden_size=WIDTH,
            n_heads=HEADS,
            linear_hidden_size=FEED_FORWARD,
            dropout=DROPOUT,
            padding_patch="end",
            revin=True,
            affine=False,
            res_attention=residual,
        )

    def forward(self, x_BLC: Tensor) -> Tensor:
        """Map windows (B, L, C) to forecasts (B, H, C)."""
        forecast: Tensor = self.net(x_BLC.transpose(1, 2)).transpose(1, 2)
        return forecast


def networks() -> dict[str, nn.Module]:
    """Return the implementations by name."""
    return {
        "fints_pipeline": build(PatchTSTConfig()),
        "fints_pipeline, residual attention": build(PatchTSTConfig(residual_attention=True)),
        "transformers": HuggingFace(),
        "neuralforecast": NeuralForecast(residual=False),
        "neuralforecast, residual attention": NeuralForecast(residual=True),
    }


def step(network: nn.Module, optimizer: torch.optim.Optimizer, x: Tensor, y: Tensor) -> float:
    """Return the processor time of one step: forward, backward, Adam."""
    started = time.process_time()
    optimizer.zero_grad(set_to_none=True)
    torch.autograd.backward(nn.functional.mse_loss(network(x), y))
    optimizer.step()
    return time.process_time() - started


def main(rounds: int, threads: int) -> None:
    """Print the times."""
    torch.set_num_threads(threads)
    torch.manual_seed(0)
    x, y = torch.randn(BATCH, LOOKBACK, CHANNELS), torch.randn(BATCH, HORIZON, CHANNELS)
    every = {name: network.train() for name, network in networks().items()}
    optimizers = {
        name: torch.optim.Adam(network.parameters(), lr=1e-4) for name, network in every.items()
    }
    taken: dict[str, list[float]] = {name: [] for name in every}
    for _ in range(rounds + 1):  # the first warms up
        for name, network in every.items():
            taken[name].append(step(network, optimizers[name], x, y))
    print(json.dumps({name: times[1:] for name, times in taken.items()}))


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
