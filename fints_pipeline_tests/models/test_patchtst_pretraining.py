"""Masked patches: what is hidden stays hidden, and the encoder moves on to the forecaster."""

from pathlib import Path

import pytest
import torch
from pydantic import ValidationError
from torch import Tensor

from fints_pipeline.base.errors import ConfigError, LakeError
from fints_pipeline.models import dlinear, patchtst, patchtst_pretraining
from fints_pipeline.models._base import parameter_count
from fints_pipeline.models.dlinear import DLinearConfig
from fints_pipeline.models.patchtst import PatchTSTConfig
from fints_pipeline.models.patchtst_pretraining import PatchTSTPretrainingConfig

SMALL = {"lookback": 24, "patch": 4, "stride": 4, "width": 8, "heads": 2, "layers": 2}


def inputs(config: PatchTSTPretrainingConfig) -> tuple[Tensor, Tensor]:
    masked = torch.zeros(3, 2, config.patches, dtype=torch.bool)
    masked[:, :, 2] = True
    return torch.randn(3, 24, 2), masked


def test_a_hidden_patch_does_not_reach_the_output() -> None:
    torch.manual_seed(0)
    config = PatchTSTPretrainingConfig(**SMALL, instance_norm="none")
    network = patchtst_pretraining.build(config).eval()
    past, masked = inputs(config)
    changed = past.clone()
    changed[:, 8:12] = torch.randn(3, 4, 2)  # the third patch's steps
    with torch.no_grad():
        restored, actual = network(past, masked)
        again, other = network(changed, masked)
    assert torch.equal(restored, again)
    assert torch.equal(other[:, :, 2], changed[:, 8:12].transpose(1, 2))
    assert torch.equal(actual[:, :, 0], past[:, :4].transpose(1, 2))


def test_a_shown_patch_does() -> None:
    torch.manual_seed(0)
    config = PatchTSTPretrainingConfig(**SMALL, instance_norm="none")
    network = patchtst_pretraining.build(config).eval()
    past, masked = inputs(config)
    changed = past.clone()
    changed[:, 0] += 1
    with torch.no_grad():
        restored, _ = network(past, masked)
        assert not torch.equal(restored, network(changed, masked)[0])


def test_it_learns_to_restore_a_sine() -> None:
    torch.manual_seed(0)
    config = PatchTSTPretrainingConfig(**SMALL, dropout=0.0)
    network = patchtst_pretraining.build(config)
    optimizer = torch.optim.Adam(network.parameters(), lr=1e-2)
    losses = []
    for _ in range(120):
        phase = 6.28 * torch.rand(32, 1, 1)
        past = torch.sin(torch.arange(24.0)[None, :, None] * 0.8 + phase)
        masked = torch.rand(32, 1, config.patches) < 0.3
        restored, actual = network(past, masked)
        loss = (restored - actual)[masked].square().mean()
        optimizer.zero_grad()
        torch.autograd.backward(loss)
        optimizer.step()
        losses.append(loss.item())
    assert sum(losses[-10:]) < 0.3 * sum(losses[:10])


def test_the_forecaster_starts_from_the_encoder(tmp_path: Path) -> None:
    torch.manual_seed(0)
    config = PatchTSTPretrainingConfig(**SMALL)
    pretrained = patchtst_pretraining.build(config)
    patchtst_pretraining.save(pretrained, config, tmp_path)
    network = patchtst.build_from_pretrained(
        PatchTSTConfig(**SMALL, horizon=3, dropout=0.1), tmp_path
    )
    taken = network.state_dict()
    for name, value in pretrained.state_dict().items():
        if not name.startswith("head"):
            assert torch.equal(taken[name], value), name
    assert network(torch.randn(2, 24, 2)).shape == (2, 3, 2)
    assert parameter_count(network) - network.head.weight.numel() - 3 == (
        parameter_count(pretrained) - pretrained.head.weight.numel() - 4
    )


def test_another_encoder_is_refused_by_name(tmp_path: Path) -> None:
    config = PatchTSTPretrainingConfig(**SMALL)
    patchtst_pretraining.save(patchtst_pretraining.build(config), config, tmp_path)
    with pytest.raises(ConfigError, match="has width 8, the network 16"):
        patchtst.build_from_pretrained(PatchTSTConfig(**(SMALL | {"width": 16})), tmp_path)
    other = DLinearConfig(lookback=24, horizon=3)
    dlinear.save(dlinear.build(other), other, tmp_path)
    with pytest.raises(LakeError, match="no encoder of patches"):
        patchtst.build_from_pretrained(PatchTSTConfig(**SMALL), tmp_path)


def test_overlapping_patches_are_refused() -> None:
    with pytest.raises(ValidationError, match="hidden one shows in its neighbours"):
        PatchTSTPretrainingConfig(patch=16, stride=8)
