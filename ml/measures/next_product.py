"""How good a ranking of all products is for the next one. Legend: B users, I rankable products, C categories."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from ml.data.catalogue import Catalogue
from ml.data.sequences import Sequences
from ml.data.vocabulary import FIRST
from ml.transformer.encoder import Encoder

TOP = 10
_CHUNK = 256
# Users (indices) -> scores (B, I) of all products; higher is better. A category's score is the sum over its products.
Scorer = Callable[[np.ndarray], Tensor]


@dataclass(frozen=True)
class Task:
    """The held-out week: users with a product in it, the events that they had before, what came next.

    users: indices into sequences. history: events before the week, by user of the sequences. target: the first product
    of the week, 0-based without padding and unknown. categories_BC: bool, categories of the week's products.
    """

    sequences: Sequences
    history: np.ndarray
    users: np.ndarray
    target: np.ndarray
    categories_BC: np.ndarray

    @classmethod
    def of(cls, sequences: Sequences, catalogue: Catalogue, cutoff: int) -> Task:
        known = (sequences.times >= cutoff) & (sequences.items >= FIRST)
        owner = np.repeat(np.arange(len(sequences)), np.diff(sequences.offsets))[known]
        items = sequences.items[known]
        users, first = np.unique(owner, return_index=True)
        categories = np.zeros((len(users), len(catalogue.category_names)), bool)
        categories[np.searchsorted(users, owner), catalogue.category_I[items]] = True
        categories[:, 0] = False  # no category
        return cls(sequences, sequences.lengths_before(cutoff), users, items[first] - FIRST, categories)


@dataclass(frozen=True)
class Scores:
    """Per user of a task: rank of the next product (1 = first; ties share their mean), recall of the categories."""

    rank: np.ndarray
    category_recall: np.ndarray

    @property
    def ndcg(self) -> np.ndarray:
        """Per user: 1 / log2(1 + rank) within the first TOP, else 0."""
        return np.where(self.rank <= TOP, 1 / np.log2(1 + self.rank), 0.0)

    def means(self) -> dict[str, float]:
        return {
            f"hr_{TOP}": float((self.rank <= TOP).mean()),
            f"ndcg_{TOP}": float(self.ndcg.mean()),
            "mrr": float((1 / self.rank).mean()),
            f"category_recall_{TOP}": float(np.nanmean(self.category_recall)),
        }


def score(task: Task, scorer: Scorer, catalogue: Catalogue) -> Scores:
    """Ranks all products of the catalogue for each user, by chunks. The history is not masked: people buy again."""
    category_I = torch.from_numpy(catalogue.category_I[FIRST:]).long()
    ranks, recalls = [], []
    for chunk in np.array_split(np.arange(len(task.users)), max(1, -(-len(task.users) // _CHUNK))):
        scores_BI = scorer(task.users[chunk]).cpu()
        own_B1 = scores_BI.gather(1, torch.from_numpy(task.target[chunk]).long()[:, None])
        greater, equal = (scores_BI > own_B1).sum(1), (scores_BI == own_B1).sum(1)
        ranks.append((1 + greater + (equal - 1) / 2).double())
        mass_CB = scores_BI.new_zeros(len(catalogue.category_names), len(chunk))
        mass_BC = mass_CB.index_add_(0, category_I, scores_BI.T.contiguous()).T
        mass_BC[:, 0] = -1  # "no category" is masked
        top_BK = mass_BC.topk(min(TOP, mass_BC.shape[1]), dim=1).indices
        truth_BC = torch.from_numpy(task.categories_BC[chunk])
        recalls.append(truth_BC.gather(1, top_BK).sum(1).double() / truth_BC.sum(1))  # nan where the week names none
    return Scores(torch.cat(ranks).numpy(), torch.cat(recalls).numpy())


def model_scorer(encoder: Encoder, task: Task) -> Scorer:
    """Probabilities of the model after the events before the week."""
    states = encoder.states(task.sequences, task.history)
    vectors_ID = encoder.vectors_ID[FIRST:]
    prior_I = encoder.model.popularity.detach() * torch.from_numpy(encoder.catalogue.log_count_I[FIRST:]).to(
        vectors_ID.device
    )

    def scorer(users: np.ndarray) -> Tensor:
        return (torch.from_numpy(states[users]).to(vectors_ID.device) @ vectors_ID.T + prior_I).softmax(dim=1)

    return scorer
