"""The gated adapter: a query reads what is known by its own time, and nothing later."""

import torch

from fints_pipeline.models._adapter import GatedAdapter, visible_keys

QUERIES, KEYS, WIDTH = 5, 9, 8
TIMES = torch.tensor([1, 3, 5, 7, 8])
BARS = torch.arange(KEYS)


def adapter() -> GatedAdapter:
    torch.manual_seed(0)
    made = GatedAdapter(WIDTH, heads=2, dropout=0.0).eval()
    torch.nn.init.normal_(made.nothing_D)
    return made


def test_a_query_sees_the_bars_up_to_its_own() -> None:
    visible = visible_keys(TIMES, BARS)
    assert visible.shape == (1, QUERIES, KEYS)
    assert visible[0].sum(-1).tolist() == [2, 4, 6, 8, 9]
    present = torch.ones(2, KEYS)
    present[1, :5] = 0
    assert visible_keys(TIMES, BARS, present)[1].sum(-1).tolist() == [0, 0, 1, 3, 4]


def test_later_keys_change_nothing_before_them() -> None:
    network, z, keys = adapter(), torch.randn(3, QUERIES, WIDTH), torch.randn(3, KEYS, WIDTH)
    for bar in range(KEYS):
        shocked = keys.clone()
        shocked[:, bar:] = 100 * torch.randn(3, KEYS - bar, WIDTH)
        with torch.no_grad():
            before = network(z, keys, visible_keys(TIMES, BARS))
            after = network(z, shocked, visible_keys(TIMES, BARS))
        known = bar > TIMES
        assert torch.equal(before[:, known], after[:, known])
        assert (before[:, ~known] != after[:, ~known]).any(-1).all()


def test_without_any_key_the_learned_one_is_read() -> None:
    network, z = adapter(), torch.randn(3, QUERIES, WIDTH)
    nothing = torch.zeros(1, QUERIES, KEYS, dtype=torch.bool)
    with torch.no_grad():
        first = network(z, torch.randn(3, KEYS, WIDTH), nothing)
        second = network(z, torch.randn(3, KEYS, WIDTH), nothing)
    assert torch.isfinite(first).all()
    assert torch.equal(first, second)


def test_maps_show_what_forward_does() -> None:
    network, z, keys = adapter(), torch.randn(3, QUERIES, WIDTH), torch.randn(3, KEYS, WIDTH)
    visible = visible_keys(TIMES, BARS)
    with torch.no_grad():
        fused, gate, attention = network.maps(z, keys, visible)
        torch.testing.assert_close(fused, network(z, keys, visible))
    assert attention.shape == (3, 2, QUERIES, 1 + KEYS)
    torch.testing.assert_close(attention.sum(-1), torch.ones(3, 2, QUERIES))
    assert not attention[..., 1:].masked_select(~visible[:, None]).any()
    assert ((gate > 0) & (gate < 1)).all()
