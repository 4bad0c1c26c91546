"""The exact softmax in chunks is torch's cross-entropy."""

from __future__ import annotations

import math

import pytest
import torch
import torch.nn.functional as F

from ml.transformer import losses


@pytest.mark.parametrize("scale", [0.5, 30.0], ids=["bounded", "beyond the bound"])
@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float32, 2e-5), (torch.bfloat16, 2e-2)])
def test_equals_torch_in_value_and_gradients(
    monkeypatch: pytest.MonkeyPatch, scale: float, dtype: torch.dtype, tolerance: float
) -> None:
    monkeypatch.setattr(losses, "CHUNK_LOGITS", 301 * 16)  # three chunks, the last one short
    random = torch.Generator().manual_seed(1)
    states = (scale * torch.randn(40, 24, generator=random)).to(dtype).float().requires_grad_()
    items = torch.randn(301, 24, generator=random).to(dtype).float().requires_grad_()
    target = torch.randint(0, 301, (40,), generator=random)
    expected = F.cross_entropy(states @ items.T, target, reduction="sum")
    wanted = torch.autograd.grad(3 * expected, [states, items])
    found = losses.exact_cross_entropy(states, items, target, dtype)
    torch.testing.assert_close(found, expected, rtol=tolerance, atol=tolerance)
    for got, want in zip(torch.autograd.grad(3 * found, [states, items]), wanted, strict=True):
        error = (got - want).norm() / want.norm()
        assert error < (tolerance if scale < 1 or dtype == torch.float32 else 0.2), float(error)


def test_partition_sums_are_of_float32() -> None:
    """Ten thousand equal items: a sum of bfloat16 would be right to three digits at best."""
    items = torch.zeros(10_007, 16)
    found = losses.exact_cross_entropy(torch.ones(3, 16), items, torch.zeros(3, dtype=torch.int64), torch.bfloat16)
    assert float(found) == pytest.approx(3 * math.log(10_007), rel=1e-6)


def test_two_halves_sum_to_the_whole() -> None:
    random = torch.Generator().manual_seed(2)
    states, items = torch.randn(64, 16, generator=random), torch.randn(500, 16, generator=random)
    target = torch.randint(0, 500, (64,), generator=random)
    whole = losses.exact_cross_entropy(states, items, target, torch.float32)
    halves = [
        losses.exact_cross_entropy(states[h], items, target[h], torch.float32) for h in (slice(32), slice(32, 64))
    ]
    torch.testing.assert_close(sum(halves), whole, rtol=1e-6, atol=1e-5)


def test_the_partition_with_more_on_some_logits_is_torchs_in_value_and_gradients(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(losses, "CHUNK_LOGITS", 301 * 16)  # three chunks, the last one short
    random = torch.Generator().manual_seed(3)
    states = torch.randn(40, 24, generator=random).requires_grad_()
    items = torch.randn(301, 24, generator=random).requires_grad_()
    more, weight = torch.randn(200, generator=random).requires_grad_(), torch.rand(40, generator=random)
    place = torch.randint(0, 40, (200,), generator=random).sort().values
    item = torch.randperm(301, generator=random)[:200]
    logits = (states @ items.T).index_put((place, item), more, accumulate=True)
    expected = (weight * logits.logsumexp(1)).sum()
    found = losses.log_partition(states, items, more, place, item, weight, torch.float32)
    torch.testing.assert_close(found, expected)
    wanted = torch.autograd.grad(3 * expected, [states, items, more])
    for got, want in zip(torch.autograd.grad(3 * found, [states, items, more]), wanted, strict=True):
        torch.testing.assert_close(got, want, rtol=1e-4, atol=1e-4)


def test_single_logits_can_be_lifted_and_barred(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(losses, "CHUNK_LOGITS", 301 * 16)  # three chunks, the last one short
    random = torch.Generator().manual_seed(4)
    states = torch.randn(40, 24, generator=random).requires_grad_()
    items = torch.randn(301, 24, generator=random).requires_grad_()
    more = torch.randn(200, generator=random).requires_grad_()
    place = torch.randint(0, 40, (200,), generator=random).sort().values
    item = torch.randperm(301, generator=random)[:200]
    barred = losses.Cells(place[::7], item[::7])  # some of them lifted as well
    target = torch.full((40,), int(item[1]))
    logits = (states @ items.T).index_put((place, item), more, accumulate=True)
    expected = F.cross_entropy(logits.index_put(tuple(barred), torch.tensor(-math.inf)), target, reduction="sum")
    lifted = (losses.Cells(place, item), more)
    found = losses.exact_cross_entropy(states, items, target, torch.float32, lifted, barred)
    torch.testing.assert_close(found, expected)
    wanted = torch.autograd.grad(3 * expected, [states, items, more])
    for got, want in zip(torch.autograd.grad(3 * found, [states, items, more]), wanted, strict=True):
        torch.testing.assert_close(got, want, rtol=1e-4, atol=1e-4)
