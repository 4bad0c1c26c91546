"""Exact softmax cross-entropy over a whole catalogue without a tensor of all logits.

Plain `F.cross_entropy(states @ items.T, target)` writes positions x items logits to memory and reads them again six
times. Here a few hundred positions at a time go through: one matmul to logits, one exp in place, and two matmuls that
give the gradients of states and items at once, while the chunk lies in the cache. Nothing is kept for the backward
pass but the gradients. On processors that multiply bfloat16 the three matmuls run in it; partition sums are of
float32. Logits of float32 would cost a step 8, 17, 36% (1,000, 4,000, 12,000 items, AVX512_BF16), which these do not.

Legend: P positions, I items, K width, C positions of a chunk, X cells.
"""

from __future__ import annotations

import itertools
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

CHUNK_LOGITS = 3_000_000  # logits held at a time: 6 MB in bfloat16, the share of a core in a usual last-level cache
SAFE = 70.0  # exp of it, summed over 10^7 items, stays inside float32 and bfloat16
_WIDTH = 8


def matmul_dtype(device: torch.device) -> torch.dtype:
    """bfloat16 where the processor multiplies it (AVX512_BF16, 4 times the float32 rate on Zen 5), else float32."""
    if device.type == "cuda":
        return torch.bfloat16 if torch.cuda.is_bf16_supported() else torch.float32
    has = getattr(torch.cpu, "_is_avx512_bf16_supported", None)
    return torch.bfloat16 if has is not None and has() else torch.float32


class Cells(NamedTuple):
    """Single logits: int64 position (ascending) and item of each; a pair once."""

    position_X: Tensor
    item_X: Tensor

    @classmethod
    def none(cls, device: torch.device) -> Cells:
        nothing = torch.empty(0, dtype=torch.int64, device=device)
        return cls(nothing, nothing)

    def chunks(self, edges: Tensor, items: int) -> list[tuple[slice, Tensor]]:
        """For positions between each two edges: the slice of their cells, and the places of these in flattened rows."""
        bounds, firsts = torch.searchsorted(self.position_X, edges).tolist(), edges.tolist()
        slices = [slice(*pair) for pair in itertools.pairwise(bounds)]
        return [
            (cells, (self.position_X[cells] - first) * items + self.item_X[cells])
            for cells, first in zip(slices, firsts, strict=False)
        ]


class _Exact(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx,
        states_PK: Tensor,
        items_IK: Tensor,
        target_P: Tensor,
        more_X: Tensor,
        lifted: Cells,
        barred: Cells,
        dtype: torch.dtype,
    ) -> Tensor:
        (P, K), I = states_PK.shape, len(items_IK)  # noqa: E741
        own_PK = items_IK[target_P]
        table, queries = (F.pad(part, (0, -K % _WIDTH)).to(dtype) for part in (items_IK, states_PK))
        # |logit| <= |state| |item|: below SAFE no maximum has to be looked for.
        shift = bool((states_PK.norm(dim=1) * items_IK.norm(dim=1).max() > SAFE).any())
        grad_PK, grad_IK, grad_X = torch.empty_like(states_PK), torch.zeros_like(items_IK), torch.empty_like(more_X)
        log_sum_P, factor_X = states_PK.new_empty(P), more_X.exp()
        size = max(16, CHUNK_LOGITS // I // 16 * 16)
        edges = torch.arange(0, P + size, size, device=states_PK.device)
        cells = zip(lifted.chunks(edges, I), barred.chunks(edges, I), strict=True)
        for start, ((more, more_at), (_, barred_at)) in zip(range(0, P, size), cells, strict=False):
            chunk = slice(start, min(start + size, P))
            logits_CI = queries[chunk] @ table.T
            top_C = logits_CI.amax(dim=1) if shift else logits_CI.new_zeros(())
            exp_CI = logits_CI.sub_(top_C[:, None]).exp_() if shift else logits_CI.exp_()
            flat = exp_CI.view(-1)
            flat[more_at] = (flat[more_at] * factor_X[more]).to(dtype)
            flat[barred_at] = 0
            total_C = exp_CI.sum(dim=1, dtype=torch.float32)
            log_sum_P[chunk] = total_C.log() + top_C.float()
            grad_X[more] = flat[more_at] / total_C[lifted.position_X[more] - start]
            grad_PK[chunk] = (exp_CI @ table)[:, :K].float() / total_C[:, None]
            grad_IK += exp_CI.T @ (states_PK[chunk] / total_C[:, None]).to(dtype)
        grad_PK -= own_PK
        grad_IK.index_add_(0, target_P, states_PK, alpha=-1)
        ctx.save_for_backward(grad_PK, grad_IK, grad_X)
        return (log_sum_P - (states_PK * own_PK).sum(1)).sum()

    @staticmethod
    def backward(ctx, grad: Tensor) -> tuple[Tensor | None, ...]:
        grad_PK, grad_IK, grad_X = ctx.saved_tensors
        return grad_PK * grad, grad_IK * grad, None, grad_X * grad, None, None, None


def exact_cross_entropy(
    states_PK: Tensor,
    items_IK: Tensor,
    target_P: Tensor,
    dtype: torch.dtype | None = None,
    more: tuple[Cells, Tensor] | None = None,
    barred: Cells | None = None,
) -> Tensor:
    """Summed -log softmax(states . items)[target]; target: int64 rows of items. dtype: of the three matmuls.

    more: single logits, and the float32 values that are added to them. barred: items that cannot come at a position,
    never its target; their logits are left out. Without both it equals
    F.cross_entropy(states @ items.T, target, reduction="sum") up to the rounding of dtype.
    """
    nothing = Cells.none(states_PK.device)
    lifted, more_X = more or (nothing, states_PK.new_empty(0))
    dtype = dtype or matmul_dtype(states_PK.device)
    loss = _Exact.apply(states_PK, items_IK, target_P, more_X, lifted, barred or nothing, dtype)
    return loss - more_X[lifted.item_X == target_P[lifted.position_X]].sum()


class _LogPartition(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx,
        states_PK: Tensor,
        items_IK: Tensor,
        more_X: Tensor,
        place_X: Tensor,
        item_X: Tensor,
        weight_P: Tensor,
        dtype: torch.dtype,
    ) -> Tensor:
        (P, _), I = states_PK.shape, len(items_IK)  # noqa: E741
        table, queries = items_IK.to(dtype), states_PK.to(dtype)
        grad_PK, grad_IK, grad_X = torch.empty_like(states_PK), torch.zeros_like(items_IK), torch.empty_like(more_X)
        total = states_PK.new_zeros(())
        size = max(16, CHUNK_LOGITS // I // 16 * 16)
        edges = torch.searchsorted(place_X, torch.arange(0, P + size, size, device=place_X.device)).tolist()
        for number, start in enumerate(range(0, P, size)):
            chunk, more = slice(start, min(start + size, P)), slice(edges[number], edges[number + 1])
            at = (place_X[more] - start) * I + item_X[more]
            logits_CI = (queries[chunk] @ table.T).float()
            flat = logits_CI.view(-1)
            flat.index_add_(0, at, more_X[more])
            top_C1 = logits_CI.amax(dim=1, keepdim=True)
            share_CI = logits_CI.sub_(top_C1).exp_()
            sum_C1 = share_CI.sum(dim=1, keepdim=True)
            weight_C1 = weight_P[chunk, None]
            total += (weight_C1 * (sum_C1.log() + top_C1)).sum()
            share_CI.mul_(weight_C1 / sum_C1)
            grad_X[more] = flat[at]
            shared_CI = share_CI.to(dtype)
            grad_PK[chunk] = (shared_CI @ table).float()
            grad_IK += (shared_CI.T @ queries[chunk]).float()
        ctx.save_for_backward(grad_PK, grad_IK, grad_X)
        return total

    @staticmethod
    def backward(ctx, grad: Tensor) -> tuple[Tensor | None, ...]:
        grad_PK, grad_IK, grad_X = ctx.saved_tensors
        return grad_PK * grad, grad_IK * grad, grad_X * grad, None, None, None, None


def log_partition(
    states_PK: Tensor,
    items_IK: Tensor,
    more_X: Tensor,
    place_X: Tensor,
    item_X: Tensor,
    weight_P: Tensor,
    dtype: torch.dtype | None = None,
) -> Tensor:
    """Weighted sum over positions of log(sum over items of exp(logit)), logit = states . items + what `more` adds.

    more_X: float32, added to the logit of the item item_X at the position place_X (ascending; a pair once). weight_P:
    of each position. Equals (weight_P * (states @ items.T with more_X added).logsumexp(1)).sum() up to rounding.
    """
    dtype = dtype or matmul_dtype(states_PK.device)
    return _LogPartition.apply(states_PK, items_IK, more_X, place_X, item_X, weight_P, dtype)
