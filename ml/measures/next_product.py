"""How good a ranking of all products is for the next one. Legend: B users, I rankable products, C categories."""

from __future__ import annotations

import datetime
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from ml.common.arrays import evenly
from ml.data.catalogue import Catalogue
from ml.data.events import day_number
from ml.data.sequences import Sequences
from ml.data.vocabulary import FIRST
from ml.measures.metrics import hit_rate, ndcg_of_ranks

TOP = 10
_CHUNK = 256

# Users (indices) -> scores (B, I) of all products; higher is better. A category's score is the sum over its products.
WeekScorer = Callable[[np.ndarray], Tensor]


@dataclass(frozen=True)
class HeldOutWeek:
    """Users with a product in the held-out week, the events that they had before, what came next.

    users: indices into sequences. history: events before the week, by user of the sequences. target: the first product
    of the week, 0-based without padding and unknown. categories_BC: bool, categories of the week's products.
    """

    sequences: Sequences
    history: np.ndarray
    users: np.ndarray
    target: np.ndarray
    categories_BC: np.ndarray

    @classmethod
    def of(cls, sequences: Sequences, catalogue: Catalogue, cutoff: datetime.date) -> HeldOutWeek:
        """cutoff: the first day of the week."""
        known = np.flatnonzero((sequences.days >= day_number(cutoff)) & (sequences.items >= FIRST))
        owner, items = sequences.owners(known), sequences.items[known]
        users, first = np.unique(owner, return_index=True)
        categories = np.zeros((len(users), len(catalogue.category_names)), bool)
        categories[np.searchsorted(users, owner), catalogue.category_I[items]] = True
        categories[:, 0] = False  # no category
        return cls(sequences, sequences.lengths_before(day_number(cutoff)), users, items[first] - FIRST, categories)

    @classmethod
    def of_some(cls, sequences: Sequences, catalogue: Catalogue, cutoff: datetime.date, most: int) -> HeldOutWeek:
        """The week of at most `most` of the users, evenly over their order, with their sequences alone."""
        known = np.flatnonzero((sequences.days >= day_number(cutoff)) & (sequences.items >= FIRST))
        users = np.unique(sequences.owners(known))
        return cls.of(sequences.part(users[evenly(len(users), most)]), catalogue, cutoff)


@dataclass(frozen=True)
class Scores:
    """Per user of a week: rank of the next product (1 = first; ties share their mean), recall of the categories."""

    rank: np.ndarray
    category_recall: np.ndarray

    @property
    def ndcg(self) -> np.ndarray:
        """NDCG@TOP per user."""
        return ndcg_of_ranks(self.rank, TOP)

    def means(self) -> dict[str, float]:
        """The recall of categories is left out where no week names one."""
        told = self.category_recall[~np.isnan(self.category_recall)]
        recall = {f"category_recall_{TOP}": float(told.mean())} if len(told) else {}
        return {
            f"hr_{TOP}": hit_rate(self.rank, TOP),
            f"ndcg_{TOP}": float(self.ndcg.mean()),
            "mrr": float((1 / self.rank).mean()),
            **recall,
        }


def score(week: HeldOutWeek, scorer: WeekScorer, catalogue: Catalogue) -> Scores:
    """Ranks all products of the catalogue for each user, by chunks. The history is not masked: people buy again."""
    category_I = torch.from_numpy(catalogue.category_I[FIRST:]).long()
    ranks, recalls = [], []
    for chunk in np.array_split(np.arange(len(week.users)), max(1, -(-len(week.users) // _CHUNK))):
        scores_BI = scorer(week.users[chunk]).cpu()
        ranks.append(rank_of(torch.from_numpy(week.target[chunk]).long(), scores_BI))
        mass_CB = scores_BI.new_zeros(len(catalogue.category_names), len(chunk))
        mass_BC = mass_CB.index_add_(0, category_I, scores_BI.T.contiguous()).T
        mass_BC[:, 0] = -1  # "no category" is masked
        top_BK = mass_BC.topk(min(TOP, mass_BC.shape[1]), dim=1).indices
        truth_BC = torch.from_numpy(week.categories_BC[chunk])
        recalls.append(truth_BC.gather(1, top_BK).sum(1).double() / truth_BC.sum(1))  # nan where the week names none
    return Scores(torch.cat(ranks).numpy(), torch.cat(recalls).numpy())


def rank_of(target_B: Tensor, scores_BI: Tensor) -> Tensor:
    """float64 rank (.., B) of each user's target among scores (.., B, I), 1 = first; ties share their mean."""
    own_B1 = scores_BI.gather(-1, target_B[:, None].expand(*scores_BI.shape[:-1], 1))
    greater, equal = (torch.count_nonzero(flags, dim=-1) for flags in (scores_BI > own_B1, scores_BI == own_B1))
    return (1 + greater + (equal - 1) / 2).double()
