"""The network of PatchTST; settings and source are in `fints_pipeline.models.patchtst`."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from fints_pipeline.models._encoder import Encoder
from fints_pipeline.models._heads import finish
from fints_pipeline.models._instance_norm import InstanceNorm
from fints_pipeline.models.patchtst import PatchTSTConfig

POSITION_INIT = 0.02  # the reference code draws learned positions from U(-0.02, 0.02)


class PatchTST(nn.Module):
    """Forecasts every channel alone, with weights that all channels share."""

    def __init__(self, config: PatchTSTConfig) -> None:
        super().__init__()
        self.config = config
        self.instance_norm = InstanceNorm(config.instance_norm, config.channels, config.affine)
        self.embed = nn.Linear(config.patch, config.width)
        self.position_ND = nn.Parameter(torch.empty(config.patches, config.width))
        nn.init.uniform_(self.position_ND, -POSITION_INIT, POSITION_INIT)
        self.dropout = nn.Dropout(config.dropout)
        self.encoder = Encoder(
            config.layers,
            config.width,
            config.heads,
            config.feed_forward,
            config.dropout,
            residual_attention=config.residual_attention,
        )
        self.head_dropout = nn.Dropout(config.head_dropout)
        outputs = config.horizon * config.head.width
        self.head = nn.Linear(config.patches * config.width, outputs)
        if config.zero_head:
            nn.init.zeros_(self.head.weight)
            nn.init.zeros_(self.head.bias)

    def forward(self, past: Tensor) -> Tensor:
        """Map windows (B, L, C), oldest step first, to forecasts (B, H, C[, K]) in their units."""
        x_BLC, undo = self.instance_norm(past)
        batch, _, channels = x_BLC.shape
        x_BCL = x_BLC.transpose(1, 2).reshape(batch * channels, -1)
        z_BND = self.embed(self.patched(x_BCL)) + self.position_ND
        z_BND = self.encoder(self.dropout(z_BND))
        free_BCH = self.head(self.head_dropout(z_BND.flatten(1)))
        free_BCHK = free_BCH.view(batch, channels, self.config.horizon, -1)
        return finish(self.config.head, free_BCHK.transpose(1, 2), undo)

    def patched(self, x_BL: Tensor) -> Tensor:
        """Cut series (B, L) into overlapping patches (B, N, P), the end padded by the last step."""
        padding = x_BL[:, -1:].expand(-1, self.config.stride)
        return torch.cat([x_BL, padding], dim=1).unfold(1, self.config.patch, self.config.stride)
