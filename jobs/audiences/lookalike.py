"""Who is most like the members of an audience, by the vectors of the behaviour model."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

LEAST, MOST = 50, 0.5  # members of a seed; share of the users that it may hold
_SIZES = (0.1, 0.25, 0.5, 1.0, 2.0, 4.0)  # of what is asked for, in the curve
RIDGE = 10.0  # how often the diagonal is added to the covariance; docs/audiences.md has what was measured


@dataclass(frozen=True, slots=True)
class Found:
    """members: user_id and similarity, `size` rows; None where it was refused, with the reason."""

    seed_size: int
    members: DataFrame | None
    curve: list[dict] = field(default_factory=list)
    refused: str | None = None


@dataclass(frozen=True, slots=True)
class Moments:
    """Number, sum and sum of outer products of vectors."""

    n: int
    sum_D: np.ndarray
    outer_DD: np.ndarray

    @property
    def mean(self) -> np.ndarray:
        return self.sum_D / self.n


def moments(vectors: DataFrame) -> dict[bool, Moments]:
    """Moments of the vectors inside the seed and of all others, in one pass; rows of each batch are summed apart."""

    def add(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            if not batch.num_rows:
                continue
            x_BD = batch.column("embedding").flatten().to_numpy(zero_copy_only=False).astype(np.float64)
            x_BD = x_BD.reshape(batch.num_rows, -1)
            seed_B = batch.column("seed").to_numpy(zero_copy_only=False).astype(bool)
            for side in (True, False):
                part_BD = x_BD[seed_B == side]
                yield pa.RecordBatch.from_arrays(
                    [pa.array([side]), pa.array([len(part_BD)], pa.int64()), pa.array([part_BD.sum(axis=0)]),
                     pa.array([(part_BD.T @ part_BD).ravel()])], names=["seed", "n", "total", "products"],
                )  # fmt: skip

    parts = vectors.select("seed", "embedding").mapInArrow(
        add, "seed boolean, n bigint, total array<double>, products array<double>"
    )
    sides = {}
    rows = sorted(parts.collect(), key=lambda row: (row["n"], row["total"]))  # not in the order of tasks
    for side in (True, False):
        mine = [row for row in rows if row["seed"] == side and row["n"]]
        if mine:
            total_D = np.sum([row["total"] for row in mine], axis=0)
            outer_DD = np.sum([row["products"] for row in mine], axis=0).reshape(len(total_D), -1)
            sides[side] = Moments(sum(row["n"] for row in mine), total_D, outer_DD)
    return sides


def direction(seed: Moments, rest: Moments) -> np.ndarray:
    """Fisher's linear discriminant (1936) of the seed against all others: inverse common covariance x difference of
    the means. The covariance is drawn far towards its diagonal (RIDGE), which keeps the answer steady from night to
    night and lets no number count for its unit. Length 1 in units of the spread.
    """
    within_DD = (seed.outer_DD + rest.outer_DD - seed.n * np.outer(seed.mean, seed.mean)
                 - rest.n * np.outer(rest.mean, rest.mean)) / (seed.n + rest.n)  # fmt: skip
    drawn_DD = within_DD + RIDGE * np.diag(np.diag(within_DD))
    w_D = np.linalg.lstsq(drawn_DD, seed.mean - rest.mean)[0]  # also where a number is the same for everybody
    return w_D / np.sqrt(w_D @ within_DD @ w_D)


def scored(vectors: DataFrame, w_D: np.ndarray, middle_D: np.ndarray) -> DataFrame:
    """user_id and similarity of each row: how many standard deviations it lies towards the seed from `middle_D`."""

    def score(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            x_BD = batch.column("embedding").flatten().to_numpy(zero_copy_only=False).astype(np.float64)
            x_BD = x_BD.reshape(batch.num_rows, len(w_D))
            # Along each row, not by a matrix product: the same number whichever users share the batch.
            similarity_B = ((x_BD - middle_D) * w_D).sum(axis=1)
            yield pa.RecordBatch.from_arrays(
                [batch.column("user_id"), pa.array(np.round(similarity_B, 6))], names=["user_id", "similarity"]
            )

    return vectors.select("user_id", "embedding").mapInArrow(score, "user_id string, similarity double")


def find(candidates: DataFrame, size: int) -> Found:
    """The `size` most like the seed.

    candidates: user_id, embedding, seed (he is in it), free (nothing keeps him out).
    """
    sides = moments(candidates)
    n_seed, n_rest = (sides[side].n if side in sides else 0 for side in (True, False))
    if n_seed < LEAST:
        return Found(n_seed, None, refused=f"expected a seed of at least {LEAST} users with a vector, found {n_seed}")
    if n_seed > MOST * (n_seed + n_rest):
        sizes = f"expected a seed of at most {MOST:.0%} of the users, found {n_seed} of {n_seed + n_rest}"
        return Found(n_seed, None, refused=f"{sizes}: nearly everybody is in it, so nobody is like it")
    w_D = direction(sides[True], sides[False])
    free = scored(candidates.where("NOT seed AND free"), w_D, sides[False].mean)
    ranked = free.orderBy(F.desc("similarity"), "user_id").limit(size)
    count = free.count()
    if count < size:
        refused = f"expected at least {size} users outside the seed to choose from, found {count}"
        return Found(n_seed, None, refused=refused)
    return Found(n_seed, ranked, curve(free, size, count))


def curve(free: DataFrame, size: int, count: int) -> list[dict]:
    """Similarity of the last of the k most alike, for several k: what a larger or a smaller audience would be."""
    sizes = sorted({k for part in _SIZES if 1 <= (k := round(part * size)) <= count})
    shares = F.array(*[F.lit((count - k) / max(count - 1, 1)) for k in sizes])
    row = free.agg(F.percentile("similarity", shares).alias("at")).first()
    return [{"users": k, "similarity": at} for k, at in zip(sizes, row["at"], strict=True)]
