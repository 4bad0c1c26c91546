"""How good a ranking of all products is for what is bought next: all that is bought at one time, in no order.

Legend: B users, T products of their next visits, I rankable products, C categories.
"""

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
from ml.measures.metrics import best_dcg, hit_rate, ndcg_of_ranks

TOP = 10
_CHUNK = 256

# Users (indices) -> scores (B, I) of all products; higher is better. A category's score is the sum over its products.
WeekScorer = Callable[[np.ndarray], Tensor]


@dataclass(frozen=True)
class HeldOutWeek:
    """Users with a product in the held-out week, the events that they had before, what came next.

    users: indices into sequences. history: events before the week, by user of the sequences. target_T: the products of
    the first moment of the week that has one, each once, 0-based without padding and unknown; owner_T: whose they are
    (index into users), ascending. categories_BC: bool, categories of the week's products.
    """

    sequences: Sequences
    history: np.ndarray
    users: np.ndarray
    owner_T: np.ndarray
    target_T: np.ndarray
    categories_BC: np.ndarray

    @classmethod
    def of(cls, sequences: Sequences, catalogue: Catalogue, cutoff: datetime.date) -> HeldOutWeek:
        """cutoff: the first day of the week."""
        known = np.flatnonzero((sequences.days >= day_number(cutoff)) & (sequences.items >= FIRST))
        owner, items = sequences.owners(known), sequences.items[known]
        users, first, place = np.unique(owner, return_index=True, return_inverse=True)
        categories = np.zeros((len(users), len(catalogue.category_names)), bool)
        categories[place, catalogue.category_I[items]] = True
        categories[:, 0] = False  # no category
        next_ = sequences.times[known] == sequences.times[known[first]][place]
        owner_T, target_T = np.unique(np.stack([place[next_], items[next_] - FIRST]), axis=1)
        history = sequences.lengths_before(day_number(cutoff))
        return cls(sequences, history, users, owner_T, target_T, categories)

    @classmethod
    def of_some(cls, sequences: Sequences, catalogue: Catalogue, cutoff: datetime.date, most: int) -> HeldOutWeek:
        """The week of at most `most` of the users, evenly over their order, with their sequences alone."""
        known = np.flatnonzero((sequences.days >= day_number(cutoff)) & (sequences.items >= FIRST))
        users = np.unique(sequences.owners(known))
        return cls.of(sequences.part(users[evenly(len(users), most)]), catalogue, cutoff)


@dataclass(frozen=True)
class Scores:
    """Per user of a week: rank of the product of the next visit that is ranked best (1 = first; ties share their mean),
    NDCG@TOP over all of its products, recall of the categories.
    """

    rank: np.ndarray
    ndcg: np.ndarray
    category_recall: np.ndarray

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
    """Ranks all products of the catalogue for each user of a week that has some, by chunks. The history is not masked:
    people buy again.
    """
    category_I = torch.from_numpy(catalogue.category_I[FIRST:]).long()
    ranks, recalls = [], []
    for chunk in np.array_split(np.arange(len(week.users)), max(1, -(-len(week.users) // _CHUNK))):
        scores_BI = scorer(week.users[chunk]).cpu()
        own = slice(*np.searchsorted(week.owner_T, [chunk[0], chunk[-1] + 1]))
        ranks.append(_ranks(week.owner_T[own] - chunk[0], week.target_T[own], scores_BI))
        mass_CB = scores_BI.new_zeros(len(catalogue.category_names), len(chunk))
        mass_BC = mass_CB.index_add_(0, category_I, scores_BI.T.contiguous()).T
        mass_BC[:, 0] = -1  # "no category" is masked
        top_BK = mass_BC.topk(min(TOP, mass_BC.shape[1]), dim=1).indices
        truth_BC = torch.from_numpy(week.categories_BC[chunk])
        recalls.append(truth_BC.gather(1, top_BK).sum(1).double() / truth_BC.sum(1))  # nan where the week names none
    rank_T, starts = np.concatenate(ranks), np.searchsorted(week.owner_T, np.arange(len(week.users)))
    gained = np.add.reduceat(ndcg_of_ranks(rank_T, TOP), starts)
    ndcg = gained / best_dcg(np.diff(np.append(starts, len(rank_T))), TOP)
    return Scores(np.minimum.reduceat(rank_T, starts), ndcg, torch.cat(recalls).numpy())


def _ranks(row_T: np.ndarray, target_T: np.ndarray, scores_BI: Tensor) -> np.ndarray:
    """Rank (T) of those targets of rows that are among the first TOP, and of the best one of each row; infinite for the
    others, which nothing asks for: a rank takes a look at all products.
    """
    rows, targets = torch.from_numpy(row_T), torch.from_numpy(target_T).long()
    own_T = scores_BI[rows, targets]
    last_B = scores_BI.topk(min(TOP, scores_BI.shape[1]), dim=1).values[:, -1]
    best_B = scores_BI.new_full((len(scores_BI),), -torch.inf).scatter_reduce(0, rows, own_T, "amax")
    asked = torch.nonzero((own_T >= last_B[rows]) | (own_T == best_B[rows])).ravel()
    rank_T = torch.full((len(own_T),), torch.inf, dtype=torch.float64)
    for part in asked.split(_CHUNK):
        rank_T[part] = rank_of(targets[part], scores_BI[rows[part]])
    return rank_T.numpy()


def rank_of(target_B: Tensor, scores_BI: Tensor) -> Tensor:
    """float64 rank (.., B) of each user's target among scores (.., B, I), 1 = first; ties share their mean."""
    own_B1 = scores_BI.gather(-1, target_B[:, None].expand(*scores_BI.shape[:-1], 1))
    greater, equal = (torch.count_nonzero(flags, dim=-1) for flags in (scores_BI > own_B1, scores_BI == own_B1))
    return (1 + greater + (equal - 1) / 2).double()
