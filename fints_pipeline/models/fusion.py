"""Fusion: a tower of patches and a tower of Brooks tokens on one time line, and cached text.

The patch tower (PatchTST's encoder) gives the queries, the token tower (BERT) the keys; a causal
cross-attention lets the query of a patch see the tokens of bars up to the patch's last one, and a
gate says how much of that is taken. A second adapter of the same kind reads text embeddings, where
there are any. Without a patch tower the token states are the queries; without a token tower the
patches stand alone. The last query, known at the current bar, feeds the head.

What is known when. All inputs end at the current bar t, so that the output is known at t. Within
the window the towers look both ways unless ``causal`` is set; with it, every query's state is made
of what was known at its own bar, which a test holds by shocking the future.

Source: cross-attention adapters after Alayrac et al., Flamingo (2022), and the gates of Lim et al.,
Temporal Fusion Transformers (2021).
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Self, cast

from pydantic import Field, model_validator

from fints_pipeline.base.config import Config
from fints_pipeline.base.errors import ConfigError, nearest
from fints_pipeline.models._base import (
    ExampleBatch,
    NetworkConfig,
    Task,
    load_torch,
    read_config,
    save_torch,
)
from fints_pipeline.models._bert import BertSettings, Classes
from fints_pipeline.models._heads import Head, PointHead, require_unshifted
from fints_pipeline.models._patches import PatchSettings

if TYPE_CHECKING:
    from torch import nn

TASK: Task = "fusion"
FRAME = 2  # positions that `<cls>` and `<sep>` take


class TextSettings(Config):
    """The text tower.

    Attributes:
        embedding: E, width of the cached embeddings; 768 for FinBERT.
    """

    embedding: int = Field(768, ge=1)


class FusionConfig(NetworkConfig):
    """Settings of the fusion network; lengths in bars.

    Attributes:
        lookback: L, bars that every tower sees; it is taken over into the towers' own settings.
        horizon: H, bars that are forecast.
        patches: the continuous tower; None leaves it out.
        tokens: the token tower; None leaves it out. Of a pretrained one the saved size counts.
        text: the text tower; None leaves it out.
        factorised: whether the token tower reads one id a field.
        vocabulary_size: V of flat tokens, set by the fold's vocabulary.
        field_sizes: (F) of factorised tokens, set by the grammar.
        channels: C of the continuous tower, set by the experiment.
        target: place of the channel that is forecast, set by the experiment.
        classes: names of a label's classes: the network classifies and does not forecast.
        width: D of the fused states.
        heads: of the adapters; they share the width.
        dropout: share dropped of what an adapter adds, and before the head.
        causal: let the towers look back only, bar by bar.
        head: of a forecast.
        zero_head: start with the head at zero: no change, or even odds.
    """

    mixes_channels: ClassVar[bool] = True

    lookback: int = Field(64, ge=2)
    horizon: int = Field(12, ge=1)
    patches: PatchSettings | None = None
    tokens: BertSettings | None = None
    text: TextSettings | None = None
    factorised: bool = False
    vocabulary_size: int | None = Field(None, ge=6)
    field_sizes: tuple[int, ...] | None = None
    channels: int | None = Field(None, ge=1)
    target: int | None = Field(None, ge=0)
    classes: Classes | None = None
    width: int = Field(32, ge=1)
    heads: int = Field(4, ge=1)
    dropout: float = Field(0.1, ge=0, lt=1)
    causal: bool = False
    head: Head = PointHead()
    zero_head: bool = False

    @model_validator(mode="before")
    @classmethod
    def _one_time_line(cls, content: Any) -> Any:
        if not isinstance(content, Mapping):
            return content
        lookback = content.get("lookback", cls.model_fields["lookback"].default)
        own = {"patches": {"lookback": lookback}}
        if isinstance(lookback, int):
            own["tokens"] = {"max_length": lookback + FRAME}
        filled = {
            tower: {**missing, **content[tower]}
            for tower, missing in own.items()
            if isinstance(content.get(tower), Mapping)
        }
        return {**content, **filled}

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.patches is None and self.tokens is None:
            raise ValueError("name at least one tower: `patches` or `tokens`")
        if self.width % self.heads:
            raise ValueError(f"width {self.width} is not a multiple of heads {self.heads}")
        if self.patches is not None:
            self._check_patches(self.patches)
        if self.tokens is not None:
            if self.tokens.max_length < self.lookback + FRAME:
                raise ValueError(
                    f"tokens.max_length {self.tokens.max_length} is too short for lookback "
                    f"{self.lookback} and a frame of {FRAME}"
                )
            if self.tokens.factorised and not self.factorised:
                raise ValueError("the token tower reads factorised tokens: set `factorised: true`")
        return self

    def _check_patches(self, patches: PatchSettings) -> None:
        if patches.lookback != self.lookback:
            raise ValueError(f"patches.lookback {patches.lookback} is not lookback {self.lookback}")
        if self.causal and patches.instance_norm != "none":
            raise ValueError(
                "instance normalisation uses the whole window: with `causal: true` set "
                "patches.instance_norm to none"
            )
        if self.classes is None:
            require_unshifted(self.head, patches.instance_norm)

    @property
    def outputs(self) -> int:
        """Numbers that the head gives: classes, or H times the parameters of a step."""
        return len(self.classes) if self.classes is not None else self.horizon * self.head.width

    @property
    def token_encoder(self) -> BertSettings:
        """The token tower's settings with the sizes that training knows."""
        own = self.tokens or BertSettings()
        if own.vocabulary_size is not None or own.field_sizes is not None:
            return own
        sizes = {"field_sizes": self.field_sizes} if self.factorised else {}
        return own.model_copy(update=sizes or {"vocabulary_size": self.vocabulary_size})

    @property
    def known_channels(self) -> int:
        """C, or an error that says who sets it."""
        if self.channels is None:
            raise ConfigError(
                "the network's channels are not set",
                fix="training takes them from the experiment; to build it by hand, give them",
            )
        return self.channels

    @property
    def target_place(self) -> int:
        """Place of the target channel, or an error that says who sets it."""
        if self.target is None and self.channels != 1 and self.classes is None:
            raise ConfigError(
                "the network's target is not set",
                fix="training takes it from the experiment; to build it by hand, give its place",
            )
        return self.target or 0

    def hugging_face(self) -> dict[str, Any]:
        """Return what fusion adds to the token tower's config."""
        return {"is_decoder": self.causal, "use_cache": False}


def build(config: NetworkConfig) -> nn.Module:
    """Return a fusion network with fresh weights; see `_fusion_network.Fusion.forward`.

    Beside its towers it has, at width D: C·d·D + D for the patches and B·D + D for the tokens
    (their widths d and B), 6D² + 10D for each adapter, E·D + D + L·D for text, 2D for the last
    normalisation and D·O + O for O outputs.

    Raises:
        ConfigError: the channels, the target or the vocabulary's size are not known yet.
    """
    from fints_pipeline.models._fusion_network import Fusion

    settings = cast(FusionConfig, config)
    if settings.patches is not None:
        _ = settings.target_place
    return Fusion(settings)


def build_from_pretrained(config: NetworkConfig, folders: Mapping[str, Path]) -> nn.Module:
    """Return a fusion network with pretrained towers; adapters and head are fresh.

    Args:
        config: the network's settings; of a pretrained tower the saved size counts.
        folders: by tower: ``patches`` holds what a PatchTST or its masked pretraining saved,
            ``tokens`` what any network over Brooks tokens did.

    Raises:
        ConfigError: there is no such tower, or it does not fit the time line.
        LakeError: a folder does not hold such a network.
    """
    from fints_pipeline.models import _pretrained_towers as towers

    for name in folders:
        if name not in ("patches", "tokens"):
            raise ConfigError(
                f"no tower {name!r} can be pretrained", fix=nearest(name, ("patches", "tokens"))
            )
    settings = towers.with_saved_sizes(cast(FusionConfig, config), folders)
    network = build(settings)
    towers.fill(network, settings, folders)
    return network


def example_batch() -> ExampleBatch:
    """Return a tiny config with all three towers, and four windows, one without any text."""
    import torch

    draws = torch.Generator().manual_seed(0)
    config = FusionConfig.model_validate({**_TINY, "classes": ("down", "flat", "up")})
    mask_BL = torch.rand(4, 16, generator=draws) < 0.4
    mask_BL[3] = False
    inputs = {
        "past": torch.randn(4, 16, 2, generator=draws),
        "input_ids": torch.randint(5, 20, (4, 16), generator=draws),
        "text": torch.randn(4, 16, 6, generator=draws),
        "text_mask": mask_BL,
    }
    return ExampleBatch(config, inputs, padding={})


def more_examples() -> list[ExampleBatch]:
    """Return a forecaster with causal towers, and each tower alone."""
    import torch

    all_inputs = example_batch().inputs
    past = {"past": all_inputs["past"]}
    fields = torch.stack([all_inputs["input_ids"]] * 2, dim=-1)
    quantiles = {"kind": "quantile", "levels": (0.1, 0.5, 0.9)}
    forecaster = FusionConfig.model_validate({**_TINY, "head": quantiles, "text": None})
    alone = {**_TINY, "tokens": None, "text": None}
    scaled = {**_TINY["patches"], "instance_norm": "standard"}
    patches = FusionConfig.model_validate({**alone, "patches": scaled, "causal": False})
    factorised = {**_TINY["tokens"], "vocabulary_size": None, "field_sizes": (20, 22)}
    tokens = {**_TINY, "patches": None, "tokens": factorised, "factorised": True}
    return [
        ExampleBatch(forecaster, {**past, "input_ids": all_inputs["input_ids"]}, {}),
        ExampleBatch(patches, past, {}),
        ExampleBatch(
            FusionConfig.model_validate(tokens),
            {"input_ids": fields, "text": all_inputs["text"], "text_mask": all_inputs["text_mask"]},
            {},
        ),
    ]


_TINY: dict[str, Any] = {
    "lookback": 16,
    "horizon": 3,
    "patches": {
        "patch": 4, "stride": 2, "width": 8, "heads": 2, "feed_forward": 16, "layers": 1,
        "instance_norm": "none",
    },
    "tokens": {"vocabulary_size": 20, "width": 8, "layers": 1, "heads": 2, "feed_forward": 16},
    "text": {"embedding": 6},
    "channels": 2,
    "target": 0,
    "width": 8,
    "heads": 2,
    "causal": True,
}  # fmt: skip


def save(network: nn.Module, config: NetworkConfig, folder: Path) -> None:
    """Write config.json and model.safetensors into ``folder``.

    The config is the network's own, with the sizes of its pretrained towers.
    """
    save_torch(network, cast(Any, network).config, folder)


def load(folder: Path) -> nn.Module:
    """Return the network that `save` wrote, in evaluation mode."""
    return load_torch(build(read_config(folder, FusionConfig)), folder)
