"""The tagging networks: BERT's token classifier, flat or factorised, with an optional CRF on top.

Settings and what is known when are in `fints_pipeline.models.brooks_tagger`.
"""

from __future__ import annotations

from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy
from transformers import BertForTokenClassification, initialization
from transformers.modeling_outputs import TokenClassifierOutput

from fints_pipeline.models._bert import is_bar
from fints_pipeline.models._crf import IGNORED, LinearChainCRF
from fints_pipeline.models._factorised_bert import FactorisedBertForTokenClassification


class _Tagging:
    """What both forms of the tagger add to BERT's token classifier."""

    config: Any
    crf: LinearChainCRF | None

    def _add_chain(self) -> None:
        self.crf = LinearChainCRF(self.config.num_labels) if self.config.crf else None

    def forward(
        self,
        input_ids: Tensor,
        attention_mask: Tensor | None = None,
        labels: Tensor | None = None,
        **others: Any,
    ) -> TokenClassifierOutput:
        """Return ``logits`` (B, L, K): emissions of the tags; and ``loss`` where labels are given.

        The loss is in nats a labelled position: the CRF's negative log-likelihood, or
        cross-entropy. Labels (B, L) are `IGNORED` where unknown; a batch without any is worth 0.
        """
        output: TokenClassifierOutput = super().forward(  # type: ignore[misc]
            input_ids, attention_mask=attention_mask, **others
        )
        if labels is not None:
            bars_BL = _bars(input_ids, attention_mask)
            output.loss = self.tag_loss(cast(Tensor, output.logits), labels, bars_BL)
        return output

    def tag_loss(self, emissions_BLK: Tensor, labels_BL: Tensor, bars_BL: Tensor) -> Tensor:
        """Return the mean loss of the labelled positions."""
        labels_BL = labels_BL.masked_fill(~bars_BL, IGNORED)
        known = (labels_BL != IGNORED).sum().clamp(min=1)
        if self.crf is not None:
            return -self.crf.log_likelihood(emissions_BLK, labels_BL, bars_BL).sum() / known
        flat = emissions_BLK.flatten(0, 1)
        return cross_entropy(flat, labels_BL.flatten(), reduction="sum") / known

    def filtered(self, input_ids: Tensor, attention_mask: Tensor | None = None) -> Tensor:
        """Return (B, L, K) log probabilities of each position's tag.

        With the CRF they are its forward marginals, so that nothing after a position's emission
        enters. Emissions of an encoder that is not causal have seen the whole window: then only the
        last bar's row is what was known at that bar's close.
        """
        emissions_BLK = cast(Any, self)(input_ids, attention_mask).logits
        if self.crf is None:
            return cast(Tensor, emissions_BLK.log_softmax(-1))
        return self.crf.filtered(emissions_BLK, _bars(input_ids, attention_mask))

    @torch.no_grad()
    def tags(self, input_ids: Tensor, attention_mask: Tensor | None = None) -> Tensor:
        """Return (B, L) the likeliest tags in hindsight, `IGNORED` where there is no bar."""
        emissions_BLK = cast(Any, self)(input_ids, attention_mask).logits
        bars_BL = _bars(input_ids, attention_mask)
        if self.crf is None:
            return cast(Tensor, emissions_BLK.argmax(-1)).masked_fill(~bars_BL, IGNORED)
        return self.crf.decode(emissions_BLK, bars_BL)

    def _init_weights(self, module: nn.Module) -> None:
        super()._init_weights(module)  # type: ignore[misc]
        if isinstance(module, LinearChainCRF):
            initialization.zeros_(module.start_K)
            initialization.zeros_(module.step_KK)


class BertTagger(_Tagging, BertForTokenClassification):
    """Over flat tokens (B, L)."""

    def __init__(self, config: Any) -> None:
        super().__init__(config)
        self._add_chain()
        self.post_init()


class FactorisedBertTagger(_Tagging, FactorisedBertForTokenClassification):
    """Over factorised tokens (B, L, F)."""

    def __init__(self, config: Any) -> None:
        super().__init__(config)
        self._add_chain()
        self.post_init()


def _bars(input_ids: Tensor, attention_mask: Tensor | None) -> Tensor:
    bars_BL = is_bar(input_ids)
    return bars_BL if attention_mask is None else bars_BL & attention_mask.bool()
