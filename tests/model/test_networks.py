"""Networks: the published ones to the last parameter, ours within what the sensor has."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest

torch = pytest.importorskip("torch", reason="torch is in .venv-model: make model-test")

from model.cli import main
from model.networks.layers import Residual
from model.networks.zoo import ZOO, Cost, cost, network, normalised
from pipeline.errors import KensaError

STEP = 1e-8  # so small that hardly any ReLU turns over in it, so large that rounding is a thousandth of the change


def test_the_published_networks_are_those_that_were_published() -> None:
    """Their authors' numbers, and those of an independent port."""
    assert cost(network("picosam2")) == Cost(1_262_818, 323_053_056)
    assert cost(network("picosam3")) == Cost(1_371_418, 330_162_496)


def test_ours_cost_less() -> None:
    """Of `kensa-s`: half of the multiplications, fewer parameters; of both: an int8 file of at most 1.5 MB."""
    small, medium, published = (cost(network(name)) for name in ("kensa-s", "kensa-m", "picosam2"))
    assert small.macs <= 170e6
    assert small.parameters < medium.parameters < published.parameters
    assert small.macs < medium.macs < published.macs


@pytest.mark.parametrize("name", ZOO)
def test_a_picture_becomes_logits_of_its_size(name: str) -> None:
    """One channel, every size that can be halved four times, finite."""
    net = network(name).eval()
    for size in ((96, 96), (64, 128)):
        assert net(torch.zeros(2, 3, *size)).shape == (2, 1, *size)
    assert torch.isfinite(net(torch.full((1, 3, 96, 96), -1.0))).all()


@pytest.mark.parametrize("name", ZOO)
def test_every_parameter_learns(name: str) -> None:
    """The gradient of a loss reaches every weight: no layer was forgotten on the way."""
    net = network(name)
    net(torch.randn(2, 3, 96, 96, generator=torch.Generator().manual_seed(1))).square().mean().backward()
    still = [key for key, weight in net.named_parameters() if weight.grad is None or not weight.grad.abs().sum() > 0]
    assert still == []


@pytest.mark.parametrize("name", ["kensa-s", "picosam3"])
def test_the_gradient_is_that_of_the_loss(name: str) -> None:
    """A tiny step along any way changes the loss as much as it says, in double precision."""
    net, dice = network(name).double().eval(), torch.Generator().manual_seed(2)
    picture = torch.randn(1, 3, 32, 32, generator=dice, dtype=torch.double)
    weights = dict(net.named_parameters())
    ways = {key: torch.randn(each.shape, generator=dice, dtype=torch.double) for key, each in weights.items()}

    def loss(step: float) -> Any:
        moved = {key: each + step * ways[key] for key, each in weights.items()}
        return torch.func.functional_call(net, moved, (picture,)).square().mean()

    loss(0.0).backward()
    slope = sum(float((each.grad * ways[key]).sum()) for key, each in weights.items())
    with torch.no_grad():
        measured = float(loss(STEP) - loss(-STEP)) / (2 * STEP)
    assert measured == pytest.approx(slope, rel=1e-2)


def test_narrowing_before_doubling_is_the_same_function() -> None:
    """What `Kensa` saves by it is saved without changing anything."""
    conv, twice = torch.nn.Conv2d(8, 4, 1), torch.nn.Upsample(scale_factor=2, mode="nearest")
    found = torch.randn(1, 8, 6, 6)
    torch.testing.assert_close(twice(conv(found)), conv(twice(found)))


def test_every_normalisation_folds_into_a_convolution() -> None:
    """Each follows one without bias, with nothing in between, so that a quantiser finds them together."""
    for name in ("kensa-s", "kensa-m"):
        pairs = pairwise(network(name).modules())
        before = [one for one, other in pairs if isinstance(other, torch.nn.BatchNorm2d)]
        assert before
        assert all(isinstance(one, torch.nn.Conv2d) and one.bias is None for one in before)


def test_a_residual_adds() -> None:
    """With its last layer silent it is the identity."""
    block = Residual(8).eval()
    torch.nn.init.zeros_(block.narrow[0].weight)
    found = torch.randn(1, 8, 6, 6)
    torch.testing.assert_close(block(found), found)


def test_equal_seeds_give_equal_networks() -> None:
    """And leave the random numbers of everybody else alone."""
    torch.manual_seed(5)
    first = torch.rand(1)
    torch.manual_seed(5)
    one, other, third = (network("kensa-s", seed).state_dict() for seed in (1, 1, 2))
    assert torch.equal(first, torch.rand(1))
    assert all(torch.equal(one[key], other[key]) for key in one)
    assert any(not torch.equal(one[key], third[key]) for key in one)


def test_a_network_reads_pixels_as_the_sensor_gives_them() -> None:
    """Whole steps of 1/128: the sensor's int8 is pixel − 128 and its scale 1/128, with no loss of contrast."""
    found = normalised(torch.tensor([0, 128, 255], dtype=torch.uint8))
    assert found.tolist() == [-1.0, 0.0, 127 / 128]


def test_an_unknown_network_is_refused() -> None:
    """With what there is."""
    with pytest.raises(KensaError, match="network 'kensa-x': expected 'kensa-s', 'kensa-m', 'picosam2' or 'picosam3'"):
        network("kensa-x")


def test_the_command_lists_them(capsys: pytest.CaptureFixture[str]) -> None:
    """With the numbers that the tests above hold."""
    assert main(["networks"]) == 0
    told = capsys.readouterr().out
    assert "1,262,818   323.05" in told
    assert "1,371,418   330.16" in told
