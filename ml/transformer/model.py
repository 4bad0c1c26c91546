"""The behaviour Transformer: a causal, pre-norm decoder over a user's events, tied to the item descriptions.

A user's events lie one after the other (ml/transformer/layout.py). The state at an event's place knows the events
before it, BOS alone at the first, and is asked for the event itself; a placeholder after the last event asks for the
user's vector.

Legend: P places, B users, b and T rows and columns of a bucket, C context features, D width, H heads, I items, F item
features, U distinct items of a step, N negatives, K channels of a head.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ml.common.model_settings import ModelConfig
from ml.data.sequences import CONTEXT_SIZE
from ml.data.vocabulary import FIRST
from ml.transformer.layout import Layout
from ml.transformer.losses import exact_cross_entropy


def turns(places_P: Tensor, channels: int) -> Tensor:
    """Unit complex numbers (P, 1, 1, channels / 2): pairs of channels turn by an angle that grows with the place.

    Su et al. 2021, RoFormer, section 3.2: products of two turned vectors depend on the distance of their places alone.
    """
    rate = 10_000.0 ** (-torch.arange(0, channels, 2, device=places_P.device) / channels)
    angle = places_P[:, None, None, None] * rate
    return torch.polar(torch.ones_like(angle), angle)


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

    def forward(self, x_PD: Tensor, layout: Layout, turns: Tensor) -> Tensor:
        x_PD = x_PD + self._drop(self.out(self._mix(self.qkv(self.norm_attention(x_PD)), layout, turns)))
        return x_PD + self._drop(self.hidden(self.norm_hidden(x_PD)))

    def _mix(self, qkv_PE: Tensor, layout: Layout, turns: Tensor) -> Tensor:
        """Attention inside each sequence, a bucket at a time; one more row serves the padding."""
        P, D, mixed = len(qkv_PE), qkv_PE.shape[1] // 3, []
        pairs = torch.view_as_complex(qkv_PE[:, : 2 * D].reshape(P, 2, self.heads, -1, 2).float())
        turned_PE = torch.view_as_real(pairs * turns).reshape(P, 2 * D).to(qkv_PE.dtype)
        padded = F.pad(torch.cat([turned_PE, qkv_PE[:, 2 * D :]], dim=1), (0, 0, 0, 1))
        for places_bT in layout.buckets:
            b, T = places_bT.shape
            qkv = F.embedding(places_bT, padded).view(b, T, 3, self.heads, D // self.heads)
            q_bHTK, k_bHTK, v_bHTK = qkv.permute(2, 0, 3, 1, 4)
            mixed_bHTK = F.scaled_dot_product_attention(q_bHTK, k_bHTK, v_bHTK, is_causal=True) if T > 1 else v_bHTK
            mixed.append(mixed_bHTK.transpose(1, 2).reshape(b * T, D))
        return torch.cat(mixed)[layout.back_P]

    def _drop(self, x: Tensor) -> Tensor:
        return F.dropout(x, self.dropout, self.training)


class BehaviourModel(nn.Module):
    """States of a user before each event; state . item vector + popularity is the score of an item as the next one."""

    def __init__(self, config: ModelConfig, feature_count: int, text_width: int = 0) -> None:
        """text_width: of the text encoder's vectors; 0 without one."""
        super().__init__()
        D = config.d_model
        self.config = config
        self.features = nn.EmbeddingBag(feature_count, D, mode="sum", padding_idx=0)
        self.text = nn.Linear(text_width, D, bias=False) if text_width else None
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

    def items(self, features_IF: Tensor, text_IE: Tensor | None = None) -> Tensor:
        """Item vectors (I, D): the sum of the vectors of an item's features, and of its text by a projection."""
        vectors_ID = self.features(features_IF)
        return vectors_ID if self.text is None else vectors_ID + self.text(text_IE.float())

    def forward(self, vectors_UD: Tensor, at_P: Tensor, context_PC: Tensor, layout: Layout) -> Tensor:
        """States (P, D). at_P: row in vectors_UD of the event at each place; it is read at the place after it."""
        x_PD = F.embedding(at_P, vectors_UD)
        if context_PC.shape[1]:
            x_PD = x_PD + self.context(context_PC)
        before_PD = F.pad(x_PD[:-1], (0, 0, 1, 0)) * math.sqrt(x_PD.shape[1])
        x_PD = torch.where(layout.places_P[:, None] == 0, self.bos_D, before_PD)
        x_PD = F.dropout(x_PD, self.config.dropout, self.training)
        turned = turns(layout.places_P, self.config.d_model // self.config.heads)
        for block in self.blocks:
            x_PD = block(x_PD, layout, turned)
        return self.norm(x_PD)


class NextItemLoss(nn.Module):
    """Softmax cross-entropy of the next item, over all items or over negatives shared by the batch; DDP wraps this.

    A negative's logit gets the correction -log(expected draws), which makes their sum an unbiased estimate of the
    partition function (Bengio & Senecal 2008, section III); one that is the position's target is masked. Draws are half
    uniform, half by popularity (Yang et al. 2020, mixed negative sampling).
    """

    def __init__(
        self,
        model: BehaviourModel,
        features_IF: Tensor,
        log_count_I: Tensor,
        texts: tuple[Tensor, Tensor] | None = None,
    ) -> None:
        """texts: the row (I) of each item's text among vectors (T, E), see TextVectors.rows."""
        super().__init__()
        self.model = model
        # Not buffers: DDP would send them to all ranks in each step.
        self.features_IF, self.log_count_I, self.texts = features_IF, log_count_I, texts

    def vectors(self, rows: Tensor | slice) -> Tensor:
        """Of the items in these rows of the catalogue (.., D)."""
        text = None if self.texts is None else self.texts[1][self.texts[0][rows]]
        return self.model.items(self.features_IF[rows], text)

    def factors(self, vectors_ID: Tensor, states_PD: Tensor) -> tuple[Tensor, Tensor]:
        """States (P, D + 1) and items (I, D + 1) whose products are the logits: the popularity is one more channel.

        vectors_ID: of the whole catalogue; without padding and the unknown product in what is given.
        """
        states_PK = torch.cat([states_PD, self.model.popularity.expand(len(states_PD), 1)], dim=1)
        return states_PK, torch.cat([vectors_ID, self.log_count_I[:, None]], dim=1)[FIRST:]

    def forward(
        self,
        items_P: Tensor,
        context_PC: Tensor,
        layout: Layout,
        negatives_N: Tensor | None = None,
        correction_N: Tensor | None = None,
    ) -> Tensor:
        """Summed loss over the places whose event has a known product. Without negatives: over all items."""
        target_P = is_target(items_P)
        if negatives_N is None:
            vectors_ID = self.vectors(slice(None))
            states_PD = self.model(vectors_ID, items_P, context_PC, layout)[target_P]
            return exact_cross_entropy(*self.factors(vectors_ID, states_PD), items_P[target_P] - FIRST)
        rows_U, place = torch.unique(torch.cat([items_P, negatives_N]), return_inverse=True)
        vectors_UD, prior_U = self.vectors(rows_U), self.log_count_I[rows_U]
        at_P, at_N = place[: len(items_P)], place[len(items_P) :]
        states_PD, at_P = self.model(vectors_UD, at_P, context_PC, layout)[target_P], at_P[target_P]
        weight = self.model.popularity
        positive_P = (states_PD * F.embedding(at_P, vectors_UD)).sum(-1) + weight * prior_U[at_P]
        negative_PN = states_PD @ F.embedding(at_N, vectors_UD).T + weight * prior_U[at_N]
        hit_PN = at_P[:, None] == at_N
        negative_PN = (negative_PN + correction_N).masked_fill(hit_PN, -math.inf)
        logits_PN = torch.cat([positive_P[:, None], negative_PN], dim=1)
        return F.cross_entropy(logits_PN, torch.zeros_like(at_P), reduction="sum")


def is_target(items: Tensor) -> Tensor:
    """Places with a product of the catalogue (rows 0 and 1 are padding and the unknown product)."""
    return items > 1
