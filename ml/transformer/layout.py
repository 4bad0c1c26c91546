"""Sequences of different lengths as one run of tokens: only attention, which needs rows and columns, is padded.

On the benchmark files 88% of the positions of a batch padded to 50 are padding. Here linear layers, norms and the
softmax see real tokens alone; attention works by buckets of similar length.

Legend: B sequences, P tokens of all of them, T tokens of the longest in a bucket.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

_GROWTH = 1.35  # a bucket's longest sequence to its shortest; closer is less padding in more, smaller calls


@dataclass(frozen=True)
class Layout:
    """Sequence after sequence without gaps.

    places_P: int64, place of a token in its own sequence, from 0. last_B: index among the P of each sequence's last
    token. buckets: int64 (b, T), indices of the tokens of b sequences, P where there is none. back_P: index of each
    token in the buckets' flattened and joined rows.
    """

    places_P: Tensor
    last_B: Tensor
    buckets: list[Tensor]
    back_P: Tensor

    @classmethod
    def of(cls, lengths_B: np.ndarray, device: torch.device | str = "cpu", steady: bool = False) -> Layout:
        """lengths_B: tokens of each sequence, at least one. steady: a bucket's width follows from the length alone, not
        from the sequences that share it, so that the bits of a state do not depend on its neighbours; more padding.
        """
        ends_B = np.cumsum(lengths_B)
        starts_B, tokens = ends_B - lengths_B, int(ends_B[-1]) if len(ends_B) else 0
        places_P = np.arange(tokens) - np.repeat(starts_B, lengths_B)
        order_B = np.argsort(lengths_B, kind="stable")
        sorted_B, buckets, back_P = lengths_B[order_B], [], np.empty(tokens, np.int64)
        low = base = 0
        while low < len(order_B):
            widest = _width(int(sorted_B[low])) if steady else _wider(int(sorted_B[low]))
            high = int(np.searchsorted(sorted_B, widest, side="right"))
            rows, longest = order_B[low:high], widest if steady else sorted_B[high - 1]
            step_T = np.arange(longest)
            real_bT = step_T < lengths_B[rows][:, None]
            places_bT = np.where(real_bT, starts_B[rows][:, None] + step_T, tokens)
            back_P[places_bT[real_bT]] = base + np.flatnonzero(real_bT)
            buckets.append(torch.from_numpy(places_bT).to(device))
            base, low = base + places_bT.size, high
        put = torch.from_numpy
        return cls(put(places_P).to(device), put(ends_B - 1).to(device), buckets, put(back_P).to(device))


def _wider(width: int) -> int:
    return max(width + 1, int(width * _GROWTH))


def _width(length: int) -> int:
    """The smallest of 1, 2, 3, 4, .. (each _GROWTH times the one before) that holds a sequence."""
    width = 1
    while width < length:
        width = _wider(width)
    return width
