"""Families: few groups of segments that lie near each other, which a person can hold in mind.

They are cut from the centres of the model. A family keeps its id while most of its users' segments were in it on the
last night; an id is never used again.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

FEWEST, MOST = 5, 8
APART = 9  # segments from which on there are families; fewer are one each


def cut(ids: np.ndarray, centers_KD: np.ndarray) -> list[list[int]]:
    """Segment ids in FEWEST to MOST groups by Ward's method (1963): cut where the next merger costs most more."""
    from scipy.cluster.hierarchy import fcluster, linkage

    if len(ids) < APART:
        return [[int(segment)] for segment in ids]
    merged = linkage(centers_KD, "ward")
    heights = merged[:, 2]
    gaps = {k: heights[len(ids) - k] - heights[len(ids) - k - 1] for k in range(FEWEST, MOST + 1)}
    number = max(gaps, key=lambda k: (round(float(gaps[k]), 9), -k))
    groups: dict[int, list[int]] = {}
    for segment, group in zip(ids.tolist(), fcluster(merged, number, "maxclust").tolist(), strict=True):
        groups.setdefault(group, []).append(segment)
    return sorted(groups.values())


def with_ids(
    groups: list[list[int]], sizes: Mapping[int, int], before: Mapping[int, int], highest: int
) -> dict[int, list[int]]:
    """The groups by family id. before: family of a segment on the last night; highest: the greatest id ever used.

    The pair of a group and a former family with most users in common is the same family, then the next pair.
    """
    shared: dict[tuple[int, int], int] = {}
    for place, group in enumerate(groups):
        for segment in group:
            if (old := before.get(segment)) is not None:
                shared[place, old] = shared.get((place, old), 0) + sizes.get(segment, 0)
    ids: dict[int, int] = {}
    for place, old in sorted(shared, key=lambda pair: (-shared[pair], pair)):
        if place not in ids and old not in ids.values():
            ids[place] = old
    for place in sorted(set(range(len(groups))) - ids.keys(), key=lambda p: -sum(sizes.get(g, 0) for g in groups[p])):
        highest += 1
        ids[place] = highest
    return {ids[place]: group for place, group in enumerate(groups)}
