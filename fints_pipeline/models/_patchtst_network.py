"""The network of PatchTST; settings and source are in `fints_pipeline.models.patchtst`."""

from __future__ import annotations

from torch import Tensor, nn

from fints_pipeline.models._dropout import Dropout
from fints_pipeline.models._heads import finish
from fints_pipeline.models._patch_encoder import PatchEncoder
from fints_pipeline.models.patchtst import PatchTSTConfig


class PatchTST(PatchEncoder):
    """Forecasts every channel alone, with weights that all channels share."""

    def __init__(self, config: PatchTSTConfig) -> None:
        super().__init__(config)
        self.config = config
        self.head_dropout = Dropout(config.head_dropout)
        outputs = config.horizon * config.head.width
        self.head = nn.Linear(config.patches * config.width, outputs)
        if config.zero_head:
            nn.init.zeros_(self.head.weight)
            nn.init.zeros_(self.head.bias)

    def forward(self, past: Tensor) -> Tensor:
        """Map windows (B, L, C), oldest step first, to forecasts (B, H, C[, K]) in their units."""
        x_BLC, undo = self.instance_norm(past)
        z_BCND = self.encoded(self.patched(x_BLC))
        free_BCH = self.head(self.head_dropout(z_BCND.flatten(2)))
        free_BCHK = free_BCH.unflatten(-1, (self.config.horizon, -1))
        return finish(self.config.head, free_BCHK.transpose(1, 2), undo)
