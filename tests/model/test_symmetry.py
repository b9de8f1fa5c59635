"""Networks that see a thing alike however it is turned: to the last bits, and with ordinary weights in the end."""

from __future__ import annotations

from typing import Any

import pytest

torch = pytest.importorskip("torch", reason="torch is in .venv-model: make model-test")

from model.networks.kensa import Kensa, Plan
from model.networks.symmetry import WAYS, plain, symmetric, turned
from model.networks.zoo import network

SMALL = Plan(16, ((16, 1), (24, 1), (32, 1), (32, 2)), (1, 0, 1, 1))


def test_there_are_eight_ways() -> None:
    """All of them different, and each turns into another of them however it is turned."""
    laid = [turned(torch.arange(9).reshape(3, 3), way) for way in range(WAYS)]
    ways = {tuple(each.flatten().tolist()) for each in laid}
    assert len(ways) == WAYS
    assert {tuple(turned(each, way).flatten().tolist()) for each in laid for way in range(WAYS)} == ways


@pytest.mark.parametrize("way", range(WAYS))
def test_a_picture_that_is_turned_has_the_turned_answer(way: int) -> None:
    """Before it learns and after; of a network whose weights are its own, it is another."""
    picture, nets = _picture(), (symmetric(Kensa(SMALL)).eval(), _ordinary(_learned()))
    with torch.no_grad():
        for net in nets:
            torch.testing.assert_close(net(turned(picture, way)), turned(net(picture), way))
        own, there = Kensa(SMALL).eval(), turned(picture, way)
        assert torch.allclose(own(there), turned(own(picture), way)) == (way == 0)


def test_it_says_the_same_with_ordinary_weights() -> None:
    """They fit the network as it is drawn, and whoever goes on from them begins with the same answers."""
    learned, picture = _learned(), _picture()
    ordinary = _ordinary(learned)
    again = symmetric(_ordinary(learned)).eval()
    with torch.no_grad():
        torch.testing.assert_close(again(picture), ordinary(picture), rtol=0, atol=0)
        torch.testing.assert_close(
            learned(picture), ordinary(picture), rtol=0.2, atol=0.05
        )  # but for what ways have seen


@pytest.mark.parametrize("name", ["kensa-s", "kensa-m"])
def test_an_eighth_is_left_to_learn(name: str) -> None:
    """Of all but the threshold of the answer."""
    whole, learned = (
        sum(each.numel() for each in net.parameters()) for net in (network(name), symmetric(network(name)))
    )
    assert WAYS * (learned - 1) == whole - 1


def test_it_begins_with_what_its_first_ways_had() -> None:
    """So that equal seeds give equal networks here, too."""
    net = Kensa(SMALL)
    first = net.stages[0][0].look[0][0].weight.detach().clone()
    symmetric(net)
    torch.testing.assert_close(net.stages[0][0].look[0][0].weight[::WAYS], first[::WAYS], rtol=0, atol=0)


def test_the_weights_of_another_network_are_its_own() -> None:
    """By name and by value."""
    net = network("picosam2")
    found, expected = plain(net), net.state_dict()
    assert found.keys() == expected.keys()
    assert all(torch.equal(found[name], expected[name]) for name in expected)


def _learned() -> Any:
    """A network after a few steps on pictures of chance that are brighter on one side."""
    torch.manual_seed(3)
    net = symmetric(Kensa(SMALL)).train()
    optimiser = torch.optim.AdamW(net.parameters(), lr=0.01)
    for _ in range(4):
        picture = torch.randn(4, 3, 32, 32) + torch.linspace(-1, 1, 32)
        optimiser.zero_grad()
        (net(picture) - picture.mean(1, keepdim=True)).square().mean().backward()
        optimiser.step()
    return net.eval()


def _ordinary(learned: Any) -> Any:
    net = Kensa(SMALL)
    net.load_state_dict(plain(learned))
    return net.eval()


def _picture() -> Any:
    return torch.randn(2, 3, 64, 64, generator=torch.Generator().manual_seed(5))
