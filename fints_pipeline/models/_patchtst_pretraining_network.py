"""The network of `fints_pipeline.models.patchtst_pretraining`."""

from __future__ import annotations

from torch import Tensor, nn

from fints_pipeline.models._dropout import Dropout
from fints_pipeline.models._patch_encoder import PatchEncoder
from fints_pipeline.models.patchtst_pretraining import PatchTSTPretrainingConfig


class PatchTSTPretraining(PatchEncoder):
    """Restores hidden patches of every channel alone."""

    def __init__(self, config: PatchTSTPretrainingConfig) -> None:
        super().__init__(config)
        self.config = config
        self.head_dropout = Dropout(config.head_dropout)
        self.head = nn.Linear(config.width, config.patch)

    def forward(self, past: Tensor, masked: Tensor) -> tuple[Tensor, Tensor]:
        """Hide patches and restore all.

        Args:
            past: windows (B, L, C), oldest step first.
            masked: (B, C, N) bool, true where a patch is hidden.

        Returns:
            Restored and actual patches (B, C, N, P), in units of the normalised window. The
            window's mean and scale are of all its steps, the hidden ones too, as in the reference.
        """
        normal_BLC, _ = self.instance_norm(past)
        actual_BCNP = self.patched(normal_BLC)
        shown_BCNP = actual_BCNP.masked_fill(masked[..., None], 0.0)
        restored_BCNP = self.head(self.head_dropout(self.encoded(shown_BCNP)))
        return restored_BCNP, actual_BCNP
