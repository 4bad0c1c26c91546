"""The model of ml.benchmark: the nightly one, and in its softmax a sparse logit of what the lists of others say.

The protocol masks what a list had, so the softmax leaves it out as well: no state learns to push it down. Above
full_softmax_below items the training knows sampled negatives alone, and neither of the two.

Legend: B users of a chunk, P places of their events, I items, D width, K width with the popularity, G columns.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from ml.common.model_settings import ModelConfig
from ml.data.sequences import Sequences
from ml.data.vocabulary import FIRST
from ml.judge.leave_one_out import ItemLists
from ml.judge.list_followers import COLUMNS, Followers
from ml.transformer.layout import Layout
from ml.transformer.losses import Cells, exact_cross_entropy
from ml.transformer.model import BehaviourModel, NextItemLoss


class ListModel(BehaviourModel):
    """Also the weights of the followers' columns; it starts with a half of log(1 + 10 x their sum)."""

    def __init__(self, config: ModelConfig, feature_count: int) -> None:
        super().__init__(config, feature_count)
        self.followers_G = nn.Parameter(0.5 * torch.eye(COLUMNS)[1])


class ListLoss(nn.Module):
    """Summed loss over all places, each of a known item."""

    def __init__(self, model: ListModel, over_all: NextItemLoss) -> None:
        super().__init__()
        self.model, self.over_all = model, over_all

    def forward(
        self, items_P: Tensor, context_PC: Tensor, layout: Layout, cells: Cells, columns_XG: Tensor, barred: Cells
    ) -> Tensor:
        vectors_ID = self.over_all.vectors(slice(None))
        states_PD = self.model(vectors_ID, items_P, context_PC, layout)
        more = (cells, columns_XG @ self.model.followers_G)
        factors = self.over_all.factors(vectors_ID, states_PD)
        return exact_cross_entropy(*factors, items_P - FIRST, more=more, barred=barred)


@dataclass(frozen=True)
class ModelScorer:
    """Probabilities of the model; a scorer of ml/judge/leave_one_out.py. vectors_ID: rows of the catalogue."""

    model: ListModel
    followers: Followers | None
    sequences: Sequences
    vectors_ID: Tensor
    prior_I: Tensor

    @classmethod
    @torch.no_grad()
    def of(cls, model: ListModel, followers: Followers | None, lists: ItemLists) -> ModelScorer:
        catalogue, _ = lists.catalogue()
        vectors_ID = model.eval().items(torch.from_numpy(catalogue.features_IF))
        prior_I = model.popularity.detach() * torch.from_numpy(catalogue.log_count_I[FIRST:])
        return cls(model, followers, lists.sequences(), vectors_ID, prior_I)

    @torch.no_grad()
    def __call__(self, users: np.ndarray, ends: np.ndarray) -> Tensor:
        items_P, context_PC, places_B = self.sequences.latest(users, ends, self.model.config.max_len)
        layout = Layout.of(places_B)
        states_PD = self.model(self.vectors_ID, torch.from_numpy(items_P), torch.from_numpy(context_PC), layout)
        logits_BI = torch.addmm(self.prior_I, states_PD[layout.last_B], self.vectors_ID[FIRST:].T)
        if self.followers is not None:
            asked_B = np.cumsum(places_B) - 1
            cells, columns_XG = self.followers.entries(items_P - FIRST, places_B, asked_B, learned=False)
            logits_BI[cells] += columns_XG @ self.model.followers_G
        return logits_BI.softmax(dim=1)
