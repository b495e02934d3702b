"""What a forecaster says of each step: a value, quantiles, or the parameters of a distribution.

A network's last layer gives ``width`` (K) free numbers a step and channel. `constrain` makes them
parameters, `rescale` takes these from normalised to the batch's units, and the other functions
read what a forecaster returned: (B, H, C) from a point head, (B, H, C, K) from the others.
"""

from __future__ import annotations

import itertools
from abc import abstractmethod
from typing import TYPE_CHECKING, Annotated, Literal, Self

from pydantic import Field, model_validator

from fints_pipeline.base.config import Config
from fints_pipeline.base.errors import ConfigError, SchemaError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor
    from torch.distributions import Distribution

    from fints_pipeline.models._instance_norm import Affine

LEVELS = (0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95)
SMALLEST = 1e-6  # of scales and counts, so that no density is infinite


class BaseHead(Config):
    """What all heads share."""

    @property
    @abstractmethod
    def width(self) -> int:
        """K, numbers that the network gives a step and channel."""

    def constrain(self, free: Tensor) -> Tensor:
        """Map any real numbers (…, K) to parameters (…, K)."""
        return free

    @abstractmethod
    def rescale(self, raw: Tensor, location: Tensor, scale: Tensor) -> Tensor:
        """Return the parameters of ``location + scale · y`` from those of y.

        Args:
            raw: (B, H, C, K) parameters.
            location: (B, 1, C) or one that broadcasts to (B, H, C).
            scale: likewise; its sign does not matter to a spread.
        """

    @abstractmethod
    def loss(self, raw: Tensor, y: Tensor) -> Tensor:
        """Return the loss (B, H, C) of each value of ``y`` (B, H, C)."""

    @abstractmethod
    def mean(self, raw: Tensor) -> Tensor:
        """Return the expected values (B, H, C)."""

    @abstractmethod
    def quantiles(self, raw: Tensor, levels: Sequence[float]) -> Tensor:
        """Return the quantiles (B, H, C, Q) at ``levels``, none below one of a lower level."""

    def require_targets(self, y: Tensor) -> None:
        """Refuse targets that the head cannot have drawn; call once before a fit.

        Raises:
            SchemaError: a value is outside the distribution's support.
        """


class PointHead(BaseHead):
    """One value a step, the conditional mean: its loss is the squared error."""

    kind: Literal["point"] = "point"

    @property
    def width(self) -> int:
        """One."""
        return 1

    def rescale(self, raw: Tensor, location: Tensor, scale: Tensor) -> Tensor:
        """Scale and shift the values (B, H, C, 1)."""
        return raw * scale[..., None] + location[..., None]

    def loss(self, raw: Tensor, y: Tensor) -> Tensor:
        """Return the squared error."""
        return (raw - y).square()

    def mean(self, raw: Tensor) -> Tensor:
        """Return the values themselves."""
        return raw

    def quantiles(self, raw: Tensor, levels: Sequence[float]) -> Tensor:
        """Refuse: a point says nothing of a spread."""
        raise ConfigError(
            "a point forecast has no quantiles",
            fix="set the network's head, for example `head: {kind: quantile}`",
        )


class QuantileHead(BaseHead):
    """Quantiles at fixed levels, each fitted by its pinball loss.

    Attributes:
        levels: probabilities, rising.
    """

    kind: Literal["quantile"] = "quantile"
    levels: tuple[Annotated[float, Field(gt=0, lt=1)], ...] = Field(LEVELS, min_length=1)

    @model_validator(mode="after")
    def _rising(self) -> Self:
        if any(a >= b for a, b in zip(self.levels, self.levels[1:], strict=False)):
            raise ValueError(f"levels must rise, got {list(self.levels)}")
        return self

    @property
    def width(self) -> int:
        """One number a level."""
        return len(self.levels)

    def rescale(self, raw: Tensor, location: Tensor, scale: Tensor) -> Tensor:
        """Scale and shift every quantile."""
        return raw * scale[..., None].abs() + location[..., None]

    def loss(self, raw: Tensor, y: Tensor) -> Tensor:
        """Return the mean over the levels of max(q·u, (q − 1)·u), u = y − ŷ."""
        import torch

        q_K = raw.new_tensor(self.levels)
        error = y[..., None] - raw
        return torch.maximum(q_K * error, (q_K - 1) * error).mean(-1)

    def mean(self, raw: Tensor) -> Tensor:
        """Return the mean as if each quantile stood for the probability nearest to its level."""
        between = [(a + b) / 2 for a, b in zip(self.levels, self.levels[1:], strict=False)]
        edges = [0.0, *between, 1.0]
        share_K = raw.new_tensor([b - a for a, b in itertools.pairwise(edges)])
        return (raw * share_K).sum(-1)

    def quantiles(self, raw: Tensor, levels: Sequence[float]) -> Tensor:
        """Return quantiles at ``levels``, linear between the head's own, which are sorted first.

        Sorting never raises the pinball loss: Chernozhukov, Fernández-Val, Galichon, Quantile and
        Probability Curves without Crossing (2010).

        Raises:
            ConfigError: a level lies outside the head's own.
        """
        import torch

        for level in levels:
            if not self.levels[0] <= level <= self.levels[-1]:
                raise ConfigError(
                    f"the head's levels {list(self.levels)} do not reach to {level}",
                    fix="add the level to the head's `levels` and train again",
                )
        ordered, own_K = raw.sort(-1).values, raw.new_tensor(self.levels)
        if len(self.levels) == 1:
            return ordered.expand(*raw.shape[:-1], len(levels))
        wanted_Q = raw.new_tensor(levels)
        right_Q = torch.searchsorted(own_K, wanted_Q).clamp(1, len(self.levels) - 1)
        share_Q = (wanted_Q - own_K[right_Q - 1]) / (own_K[right_Q] - own_K[right_Q - 1])
        return torch.lerp(ordered[..., right_Q - 1], ordered[..., right_Q], share_Q)


class NormalHead(BaseHead):
    """A normal distribution: location and standard deviation; its loss is the NLL in nats."""

    kind: Literal["normal"] = "normal"

    @property
    def width(self) -> int:
        """Location and scale."""
        return 2

    def constrain(self, free: Tensor) -> Tensor:
        """Make the scale positive."""
        import torch

        return torch.stack([free[..., 0], _positive(free[..., 1])], -1)

    def rescale(self, raw: Tensor, location: Tensor, scale: Tensor) -> Tensor:
        """Move the location, stretch the scale."""
        import torch

        return torch.stack([raw[..., 0] * scale + location, raw[..., 1] * scale.abs()], -1)

    def distribution(self, raw: Tensor) -> Distribution:
        """Return the distributions (B, H, C)."""
        from torch.distributions import Normal

        return Normal(raw[..., 0], raw[..., 1], validate_args=False)

    def loss(self, raw: Tensor, y: Tensor) -> Tensor:
        """Return the negative log-likelihood."""
        return -self.distribution(raw).log_prob(y)

    def mean(self, raw: Tensor) -> Tensor:
        """Return the location."""
        return raw[..., 0]

    def quantiles(self, raw: Tensor, levels: Sequence[float]) -> Tensor:
        """Return location + scale · z."""
        from scipy.stats import norm

        z_Q = raw.new_tensor(norm.ppf(list(levels)))
        return raw[..., :1] + raw[..., 1:2] * z_Q


class StudentTHead(BaseHead):
    """Student's t: degrees of freedom (above 2), location, scale; its loss is the NLL in nats."""

    kind: Literal["student_t"] = "student_t"

    @property
    def width(self) -> int:
        """Degrees of freedom, location and scale."""
        return 3

    def constrain(self, free: Tensor) -> Tensor:
        """Make the degrees of freedom larger than 2, so that there is a variance."""
        import torch

        parts = [2 + _positive(free[..., 0]), free[..., 1], _positive(free[..., 2])]
        return torch.stack(parts, -1)

    def rescale(self, raw: Tensor, location: Tensor, scale: Tensor) -> Tensor:
        """Move the location, stretch the scale."""
        import torch

        parts = [raw[..., 0], raw[..., 1] * scale + location, raw[..., 2] * scale.abs()]
        return torch.stack(parts, -1)

    def distribution(self, raw: Tensor) -> Distribution:
        """Return the distributions (B, H, C)."""
        from torch.distributions import StudentT

        return StudentT(raw[..., 0], raw[..., 1], raw[..., 2], validate_args=False)

    def loss(self, raw: Tensor, y: Tensor) -> Tensor:
        """Return the negative log-likelihood."""
        return -self.distribution(raw).log_prob(y)

    def mean(self, raw: Tensor) -> Tensor:
        """Return the location."""
        return raw[..., 1]

    def quantiles(self, raw: Tensor, levels: Sequence[float]) -> Tensor:
        """Return location + scale · t."""
        from scipy.stats import t

        freedom = raw[..., :1].detach().double().cpu().numpy()
        factor = raw.new_tensor(t.ppf(list(levels), freedom))
        return raw[..., 1:2] + raw[..., 2:3] * factor


class NegativeBinomialHead(BaseHead):
    """Counts: the negative binomial's mean and dispersion; its loss is the NLL in nats.

    The variance is mean + mean² / dispersion. For counts alone, such as volume in whole units or
    the number of trades.
    """

    kind: Literal["negative_binomial"] = "negative_binomial"

    @property
    def width(self) -> int:
        """Mean and dispersion."""
        return 2

    def constrain(self, free: Tensor) -> Tensor:
        """Make both positive."""
        return _positive(free)

    def rescale(self, raw: Tensor, location: Tensor, scale: Tensor) -> Tensor:
        """Scale the mean; counts cannot be shifted, so ``location`` has to be zero."""
        import torch

        return torch.stack([raw[..., 0] * scale.abs(), raw[..., 1].expand_as(raw[..., 0])], -1)

    def distribution(self, raw: Tensor) -> Distribution:
        """Return the distributions (B, H, C)."""
        from torch.distributions import NegativeBinomial

        mean, dispersion = raw[..., 0], raw[..., 1]
        odds = mean.log() - dispersion.log()
        return NegativeBinomial(dispersion, logits=odds, validate_args=False)

    def loss(self, raw: Tensor, y: Tensor) -> Tensor:
        """Return the negative log-likelihood."""
        return -self.distribution(raw).log_prob(y)

    def mean(self, raw: Tensor) -> Tensor:
        """Return the mean."""
        return raw[..., 0]

    def quantiles(self, raw: Tensor, levels: Sequence[float]) -> Tensor:
        """Return the smallest counts that reach each level."""
        from scipy.stats import nbinom

        values = raw.detach().double().cpu().numpy()
        mean, dispersion = values[..., :1], values[..., 1:]
        counts = nbinom.ppf(list(levels), dispersion, dispersion / (dispersion + mean))
        return raw.new_tensor(counts)

    def require_targets(self, y: Tensor) -> None:
        """Refuse what is no count.

        Raises:
            SchemaError: a value is negative, fractional or missing.
        """
        wrong = ~((y >= 0) & (y == y.round()))
        if bool(wrong.any()):
            value = float(y[wrong][0])
            raise SchemaError(
                f"the negative binomial is for counts, the target holds {value:g}",
                fix="choose head student_t, normal or quantile, or a target of counts, unscaled",
            )


Head = Annotated[
    PointHead | QuantileHead | NormalHead | StudentTHead | NegativeBinomialHead,
    Field(discriminator="kind"),
]
"""A forecaster's head, chosen by its ``kind``."""


def finish(head: BaseHead, free_BHCK: Tensor, undo: Affine) -> Tensor:
    """Return what a forecaster's forward returns, from its last layer's free numbers.

    Args:
        head: (B, H, C) comes back from a point head, (B, H, C, K) from the others.
        free_BHCK: real numbers, in the units of normalised windows.
        undo: how to get back to the batch's units.
    """
    raw_BHCK = head.rescale(head.constrain(free_BHCK), undo.location, undo.scale)
    return raw_BHCK[..., 0] if isinstance(head, PointHead) else raw_BHCK


def require_unshifted(head: BaseHead, instance_norm: str) -> None:
    """Refuse a count head behind a normalisation that shifts.

    Raises:
        ValueError: counts less their mean are no counts.
    """
    if isinstance(head, NegativeBinomialHead) and instance_norm == "standard":
        raise ValueError("the negative binomial cannot be shifted: set instance_norm scale or none")


def _positive(free: Tensor) -> Tensor:
    from torch.nn.functional import softplus

    return softplus(free) + SMALLEST
