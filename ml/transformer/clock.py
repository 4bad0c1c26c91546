"""What the times of a user's events say as of a day: how much of late, how long ago, against the user's own rhythm.

Of the newest events, told twice: of all of them, and of purchases alone. Legend: U users, E events, V days of users
with an event, J facts.
"""

from __future__ import annotations

import numpy as np

from ml.data.sequences import Sequences

HALF_LIVES = (3.5, 7.0, 14.0, 28.0, 56.0, 112.0)  # days after which an event counts half
RECENT = (1, 2, 3, 5, 8)  # which of the last days with an event
LONG_AGO, USUAL_GAP = 366.0, 28.0  # days: of a day that there is not, and of the gap that everybody is given one of
FACTS = 2 * (3 * len(HALF_LIVES) + len(RECENT) + 3) + 2


def facts(sequences: Sequences, lengths_U: np.ndarray, end: int, purchase: int, most: int) -> np.ndarray:
    """float64 (U, FACTS) of the newest `most` of the first lengths_U events of each user, all before the day `end`
    (since 1970). purchase: see purchase_id. Bits of a row do not depend on the other users.
    """
    kept_U = np.minimum(lengths_U, most)
    owner_E = np.repeat(np.arange(len(sequences)), kept_U)
    starts_U = sequences.offsets[:-1] + lengths_U - kept_U
    event_E = np.arange(len(owner_E)) + np.repeat(starts_U - (np.cumsum(kept_U) - kept_U), kept_U)
    age_E = end - 0.5 - sequences.days[event_E]
    worth_E = sequences.worth(event_E)
    bought_E = sequences.context_EC[event_E, 0] == purchase
    everything, purchases = (
        _rhythm(owner_E[part], age_E[part], worth_E[part], len(sequences)) for part in (slice(None), bought_E)
    )
    oldest_U = np.zeros(len(sequences))
    np.maximum.at(oldest_U, owner_E, age_E)
    window = np.log1p(np.stack([kept_U, oldest_U], axis=1))
    return np.hstack([everything, purchases, window])


def _rhythm(owner_E: np.ndarray, age_E: np.ndarray, worth_E: np.ndarray, users: int) -> np.ndarray:
    """Events by user, oldest first: decayed events, days and worth; ages of the last days; mean gap, mean log gap, and
    the age of the last day against the mean gap.
    """
    new_E = np.ones(len(owner_E), bool)
    new_E[1:] = (owner_E[1:] != owner_E[:-1]) | (age_E[1:] != age_E[:-1])
    columns = []
    for half_life in HALF_LIVES:
        weight_E = 0.5 ** (age_E / half_life)
        columns += [np.log1p(np.bincount(owner_E, weight_E * of, users)) for of in (1.0, new_E, worth_E)]
    owner_V, age_V = owner_E[new_E], age_E[new_E]
    days_U = np.bincount(owner_V, minlength=users)
    last_U, padded_V = np.cumsum(days_U), np.append(age_V, LONG_AGO)
    ages_U = [padded_V[np.where(days_U >= place, last_U - place, len(age_V))] for place in RECENT]
    follows_V = np.zeros(len(owner_V), bool)
    follows_V[1:] = owner_V[1:] == owner_V[:-1]
    gap_V = np.where(follows_V, -np.diff(age_V, prepend=age_V[:1]), 1.0)  # log of it: nothing
    gaps_U = np.bincount(owner_V, follows_V, users) + 1
    mean_U = (np.bincount(owner_V, follows_V * gap_V, users) + USUAL_GAP) / gaps_U
    log_U = (np.bincount(owner_V, np.log(np.maximum(gap_V, 1.0)), users) + np.log(USUAL_GAP)) / gaps_U
    columns += [np.log1p(age_U) for age_U in ages_U]
    return np.stack([*columns, np.log(mean_U), log_U, np.log((ages_U[0] + 1) / mean_U)], axis=1)
