"""The laws of every network: new files under models/ are found and tested by themselves."""

from pathlib import Path
from typing import get_args

import pytest
import torch
from torch import Tensor, nn

from fints_pipeline.models._base import (
    ExampleBatch,
    NetworkModule,
    Task,
    network_module,
    network_names,
    parameter_count,
)


def examples(module: NetworkModule) -> list[ExampleBatch]:
    """Return the network's example, and those of its other forms, where it has any."""
    return [module.example_batch(), *getattr(module, "more_examples", list)()]


CASES = [
    (name, number)
    for name in network_names()
    if network_module(name).TASK != "estimator"  # laws of their own in test_lightgbm
    for number in range(len(examples(network_module(name))))
]


@pytest.fixture(params=CASES, ids=lambda case: f"{case[0]}-{case[1]}")
def case(request: pytest.FixtureRequest) -> tuple[str, int]:
    return request.param


@pytest.fixture
def module(case: tuple[str, int]) -> NetworkModule:
    return network_module(case[0])


@pytest.fixture
def example(module: NetworkModule, case: tuple[str, int]) -> ExampleBatch:
    return examples(module)[case[1]]


@pytest.fixture
def network(module: NetworkModule, example: ExampleBatch) -> nn.Module:
    torch.manual_seed(0)
    return module.build(example.config)


def output(network: nn.Module, inputs: dict[str, Tensor]) -> Tensor:
    result = network(**inputs)
    tensor = getattr(result, "logits", result)
    if isinstance(tensor, tuple):  # a softmax a field
        tensor = torch.cat(tensor, dim=-1)
    assert isinstance(tensor, Tensor)
    return tensor


def test_the_known_networks_are_found() -> None:
    known = {"patchtst", "dlinear", "itransformer", "repeat_last", "drift", "seasonal_naive"}
    assert known | {"brooks_mlm", "brooks_classifier"} <= set(network_names())


def test_every_network_says_what_it_learns(module: NetworkModule) -> None:
    assert module.TASK in get_args(Task)


def test_example_batch_runs_and_gradients_are_finite(
    network: nn.Module, example: ExampleBatch
) -> None:
    network.train()
    out = output(network, example.inputs)
    assert torch.isfinite(out).all()
    if parameter_count(network) == 0:
        assert next(network.parameters(), None) is None, "frozen from the start"
        return
    torch.autograd.backward(out.square().mean())
    gradients = [p.grad for p in network.parameters() if p.grad is not None]
    assert gradients
    assert all(torch.isfinite(g).all() for g in gradients)
    assert any(bool((g != 0).any()) for g in gradients)


def test_batch_order_does_not_matter(network: nn.Module, example: ExampleBatch) -> None:
    network.eval()
    order = torch.tensor([2, 0, 3, 1])
    shuffled = {name: value[order] for name, value in example.inputs.items()}
    with torch.no_grad():
        torch.testing.assert_close(
            output(network, shuffled), output(network, example.inputs)[order], atol=1e-6, rtol=1e-5
        )


def test_a_row_does_not_depend_on_its_neighbours(network: nn.Module, example: ExampleBatch) -> None:
    network.eval()
    alone = {name: value[1:2] for name, value in example.inputs.items()}
    with torch.no_grad():
        torch.testing.assert_close(
            output(network, alone), output(network, example.inputs)[1:2], atol=1e-6, rtol=1e-5
        )


def longer_by_three(value_BL: Tensor, padding: int) -> Tensor:
    end = value_BL.new_full((len(value_BL), 3, *value_BL.shape[2:]), padding)
    return torch.cat([value_BL, end], dim=1)


def test_padding_is_ignored(network: nn.Module, example: ExampleBatch) -> None:
    if not example.padding:
        assert "attention_mask" not in example.inputs, "a network with a mask must declare padding"
        return
    network.eval()
    longer = {
        name: longer_by_three(value, example.padding[name])
        for name, value in example.inputs.items()
    }
    with torch.no_grad():
        short, long = output(network, example.inputs), output(network, longer)
    if short.dim() == 3:
        real = example.inputs["attention_mask"].bool()
        short, long = short[real], long[:, : real.shape[1]][real]
    torch.testing.assert_close(long, short, atol=1e-6, rtol=1e-5)


def test_save_and_load_are_bit_for_bit(
    module: NetworkModule, network: nn.Module, example: ExampleBatch, tmp_path: Path
) -> None:
    network.eval()
    module.save(network, example.config, tmp_path)
    assert (tmp_path / "config.json").is_file()
    assert (tmp_path / "model.safetensors").is_file()
    loaded = module.load(tmp_path)
    assert not loaded.training
    for (name, saved), (other, value) in zip(
        network.state_dict().items(), loaded.state_dict().items(), strict=True
    ):
        assert name == other
        assert torch.equal(saved, value)
    with torch.no_grad():
        assert torch.equal(output(loaded, example.inputs), output(network, example.inputs))


@pytest.mark.gpu
def test_a_gpu_agrees_with_the_cpu(network: nn.Module, example: ExampleBatch) -> None:
    if not torch.cuda.is_available():
        pytest.skip("no CUDA device")
    network.eval()
    moved = {name: value.cuda() for name, value in example.inputs.items()}
    with torch.no_grad():
        expected = output(network, example.inputs)
        found = output(network.cuda(), moved)
    torch.testing.assert_close(found.cpu(), expected, atol=1e-4, rtol=1e-3)


def test_saving_twice_gives_the_same_bytes(
    module: NetworkModule, network: nn.Module, example: ExampleBatch, tmp_path: Path
) -> None:
    for folder in (tmp_path / "a", tmp_path / "b"):
        folder.mkdir()
        module.save(network, example.config, folder)
    for file in sorted((tmp_path / "a").iterdir()):
        assert file.read_bytes() == (tmp_path / "b" / file.name).read_bytes()
