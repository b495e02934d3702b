"""From windows to encoded patches, each channel alone: the part of PatchTST below its head."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from fints_pipeline.models._dropout import Dropout
from fints_pipeline.models._encoder import Encoder
from fints_pipeline.models._instance_norm import InstanceNorm
from fints_pipeline.models._patches import PatchSettings

POSITION_INIT = 0.02  # the reference code draws learned positions from U(-0.02, 0.02)


class PatchEncoder(nn.Module):
    """Normalisation, patch embedding with learned positions, and the transformer encoder.

    With ``causal`` a patch attends to itself and earlier ones only.
    """

    def __init__(self, settings: PatchSettings, *, causal: bool = False) -> None:
        super().__init__()
        self.patch, self.stride = settings.patch, settings.stride
        self.instance_norm = InstanceNorm(
            settings.instance_norm, settings.channels, settings.affine
        )
        self.embed = nn.Linear(settings.patch, settings.width)
        self.position_ND = nn.Parameter(torch.empty(settings.patches, settings.width))
        nn.init.uniform_(self.position_ND, -POSITION_INIT, POSITION_INIT)
        self.dropout = Dropout(settings.dropout)
        self.encoder = Encoder(
            settings.layers,
            settings.width,
            settings.heads,
            settings.feed_forward,
            settings.dropout,
            residual_attention=settings.residual_attention,
            causal=causal,
        )

    def patched(self, x_BLC: Tensor) -> Tensor:
        """Cut each channel into patches (B, C, N, P); its end is padded by its last step."""
        x_BCL = x_BLC.transpose(1, 2)
        padding = x_BCL[..., -1:].expand(-1, -1, self.stride)
        return torch.cat([x_BCL, padding], dim=-1).unfold(-1, self.patch, self.stride)

    def encoded(self, patches_BCNP: Tensor) -> Tensor:
        """Encode patches; weights are shared, channels do not see each other: (B, C, N, D)."""
        batch, channels = patches_BCNP.shape[:2]
        z_BND = self.embed(patches_BCNP.flatten(0, 1)) + self.position_ND
        z_BND = self.encoder(self.dropout(z_BND))
        return z_BND.unflatten(0, (batch, channels))  # type: ignore[no-any-return]

    @torch.no_grad()
    def maps(self, past_BLC: Tensor) -> list[Tensor]:
        """Return the attention of each layer (B × C, A, N, N) over the patches of windows."""
        patches_BCNP = self.patched(self.instance_norm(past_BLC)[0])
        z_BND = self.embed(patches_BCNP.flatten(0, 1)) + self.position_ND
        return self.encoder.maps(z_BND)
