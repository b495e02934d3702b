import numpy as np
import pytest
import torch
from torch import nn

from fints_pipeline.explain.config import Gradients
from fints_pipeline.explain.gradients import of_tokens, of_values

STEPS = Gradients(steps=8, most_steps=64, tolerance=0.01)


def test_a_linear_model_gives_weight_times_distance_from_the_baseline() -> None:
    torch.manual_seed(0)
    weight, past, base = torch.randn(4, 3), torch.randn(5, 4, 3), torch.randn(5, 4, 3)
    found = of_values(
        lambda b: (b["past"] * weight).sum((1, 2)), {"past": past}, "past", base, STEPS
    )
    np.testing.assert_allclose(found.values, (weight * (past - base)).numpy(), atol=1e-5)
    assert found.error < 1e-5
    assert found.steps == STEPS.steps


def test_other_inputs_stay_with_their_window() -> None:
    past, sign = torch.ones(3, 2, 1), torch.tensor([1.0, -2.0, 3.0])
    batch = {"sign": sign, "past": past}
    found = of_values(
        lambda b: b["sign"] * b["past"].sum((1, 2)), batch, "past", torch.zeros_like(past), STEPS
    )
    np.testing.assert_allclose(found.values.sum((1, 2)), 2 * sign.numpy(), rtol=1e-6)


def test_steps_are_doubled_until_the_sums_are_right() -> None:
    past = torch.full((1, 1, 1), 3.0)

    def cliff(b: dict[str, torch.Tensor]) -> torch.Tensor:
        return torch.sigmoid(40 * (b["past"].sum((1, 2)) - 1))

    few = Gradients(steps=4, most_steps=4, tolerance=0.001)
    many = Gradients(steps=4, most_steps=256, tolerance=0.001)
    base = torch.zeros_like(past)
    stopped = of_values(cliff, {"past": past}, "past", base, few)
    refined = of_values(cliff, {"past": past}, "past", base, many)
    assert stopped.error > 0.001 >= refined.error
    assert refined.steps > 4


@pytest.mark.parametrize("fields", [None, 3])
def test_tokens_that_are_summed_are_worth_their_embeddings_difference(fields: int | None) -> None:
    torch.manual_seed(0)
    layer, read = nn.Embedding(9, 4), torch.randn(4)
    shape = (5, 6) if fields is None else (5, 6, fields)
    ids = torch.randint(0, 9, shape)
    base = torch.full_like(ids, 2)

    def score(b: dict[str, torch.Tensor]) -> torch.Tensor:
        return (layer(b["ids"]) * read).flatten(1).sum(1)

    found = of_tokens(score, {"ids": ids}, "ids", base, layer, STEPS)
    worth = (layer.weight @ read).detach()
    np.testing.assert_allclose(found.values, (worth[ids] - worth[2]).numpy(), atol=1e-5)
