"""The behaviour Transformer: a causal, pre-norm decoder over a user's events, tied to the item descriptions.

Legend: B users, L events, T = L + 1 positions (BOS first), C context features, D width, H heads, I items,
F item features, U distinct items of a step, N negatives, P positions with a target, K channels of a head.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ml.config import ModelConfig
from ml.sequences import CONTEXT_SIZE


def rotary(x_BHTK: Tensor) -> Tensor:
    """Turns each pair of channels by an angle that grows with the position (Su et al. 2021, RoFormer, section 3.2)."""
    T, K = x_BHTK.shape[-2:]
    rate_K = 10_000.0 ** (-torch.arange(0, K, 2, device=x_BHTK.device) / K)
    angle_TK = torch.arange(T, device=x_BHTK.device)[:, None] * rate_K
    cos, sin = angle_TK.cos(), angle_TK.sin()
    even, odd = x_BHTK[..., 0::2], x_BHTK[..., 1::2]
    return torch.stack([even * cos - odd * sin, even * sin + odd * cos], dim=-1).flatten(-2)


class Block(nn.Module):
    """Pre-norm attention and feed-forward (Xiong et al. 2020). Causal; padding is on the right, so it is never seen."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.heads, self.dropout = config.heads, config.dropout
        self.norm_attention, self.norm_hidden = nn.LayerNorm(config.d_model), nn.LayerNorm(config.d_model)
        self.qkv = nn.Linear(config.d_model, 3 * config.d_model)
        self.out = nn.Linear(config.d_model, config.d_model)
        self.hidden = nn.Sequential(
            nn.Linear(config.d_model, config.hidden), nn.GELU(), nn.Linear(config.hidden, config.d_model)
        )

    def forward(self, x_BTD: Tensor) -> Tensor:
        B, T, D = x_BTD.shape
        qkv = self.qkv(self.norm_attention(x_BTD)).view(B, T, 3, self.heads, D // self.heads)
        q_BHTK, k_BHTK, v_BHTK = qkv.permute(2, 0, 3, 1, 4)
        mixed_BHTK = F.scaled_dot_product_attention(rotary(q_BHTK), rotary(k_BHTK), v_BHTK, is_causal=True)
        x_BTD = x_BTD + self._drop(self.out(mixed_BHTK.transpose(1, 2).reshape(B, T, D)))
        return x_BTD + self._drop(self.hidden(self.norm_hidden(x_BTD)))

    def _drop(self, x: Tensor) -> Tensor:
        return F.dropout(x, self.dropout, self.training)


class BehaviourModel(nn.Module):
    """States of a user after each event; state . item vector + popularity is the score of an item as the next one."""

    def __init__(self, config: ModelConfig, feature_count: int) -> None:
        super().__init__()
        D = config.d_model
        self.config = config
        self.features = nn.EmbeddingBag(feature_count, D, mode="sum", padding_idx=0)
        self.context = nn.EmbeddingBag(CONTEXT_SIZE, D, mode="sum", padding_idx=0)
        self.bos_D = nn.Parameter(torch.zeros(D))
        # Weight of log(1 + training events): the model starts from the popularity baseline instead of learning it.
        self.popularity = nn.Parameter(torch.ones(()))
        self.blocks = nn.ModuleList(Block(config) for _ in range(config.layers))
        self.norm = nn.LayerNorm(D)
        for weight in self.parameters():
            if weight.dim() > 1:
                nn.init.xavier_normal_(weight)
        with torch.no_grad():
            self.features.weight[0].zero_()
            self.context.weight[0].zero_()

    def items(self, features_IF: Tensor) -> Tensor:
        """Item vectors (I, D): the sum of the vectors of an item's features."""
        return self.features(features_IF)

    def forward(self, items_BLD: Tensor, context_BLC: Tensor) -> Tensor:
        """States (B, L + 1, D): [:, 0] knows nothing, [:, t] the first t events."""
        B, L, D = items_BLD.shape
        context_BLD = self.context(context_BLC.reshape(B * L, -1)).view(B, L, D)
        x_BLD = (items_BLD + context_BLD) * math.sqrt(D)
        x_BTD = torch.cat([self.bos_D.expand(B, 1, D), x_BLD], dim=1)
        x_BTD = F.dropout(x_BTD, self.config.dropout, self.training)
        for block in self.blocks:
            x_BTD = block(x_BTD)
        return self.norm(x_BTD)


class NextItemLoss(nn.Module):
    """Softmax cross-entropy of the next item over negatives shared by the batch; DDP wraps this.

    A negative's logit gets the correction -log(expected draws), which makes their sum an unbiased estimate of the
    partition function (Bengio & Senecal 2008, section III); one that is the position's target is masked. Draws are half
    uniform, half by popularity (Yang et al. 2020, mixed negative sampling). All items once are the full softmax.
    """

    def __init__(self, model: BehaviourModel, features_IF: Tensor, log_count_I: Tensor) -> None:
        super().__init__()
        self.model = model
        # Not buffers: DDP would send them to all ranks in each step.
        self.features_IF, self.log_count_I = features_IF, log_count_I

    def forward(self, items_BL: Tensor, context_BLC: Tensor, negatives_N: Tensor, correction_N: Tensor) -> Tensor:
        """Summed loss over the positions whose next event has a known product."""
        B, L = items_BL.shape
        rows_U, place = torch.unique(torch.cat([items_BL.flatten(), negatives_N]), return_inverse=True)
        vectors_UD, prior_U = self.model.items(self.features_IF[rows_U]), self.log_count_I[rows_U]
        at_BL, at_N = place[: B * L].view(B, L), place[B * L :]
        states_BTD = self.model(F.embedding(at_BL, vectors_UD), context_BLC)
        target_BL = is_target(items_BL)
        states_PD, at_P = states_BTD[:, :-1][target_BL], at_BL[target_BL]
        weight = self.model.popularity
        positive_P = (states_PD * F.embedding(at_P, vectors_UD)).sum(-1) + weight * prior_U[at_P]
        negative_PN = states_PD @ F.embedding(at_N, vectors_UD).T + weight * prior_U[at_N]
        hit_PN = at_P[:, None] == at_N
        negative_PN = (negative_PN + correction_N).masked_fill(hit_PN, -math.inf)
        logits_PN = torch.cat([positive_P[:, None], negative_PN], dim=1)
        return F.cross_entropy(logits_PN, torch.zeros_like(at_P), reduction="sum")


def is_target(items: Tensor) -> Tensor:
    """Positions with a product of the catalogue (rows 0 and 1 are padding and the unknown product)."""
    return items > 1
