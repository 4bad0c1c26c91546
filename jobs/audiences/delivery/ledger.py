"""ops.deliveries: what a destination was told of an audience, and what it has to be told from there on."""

from __future__ import annotations

import getpass
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime
from itertools import groupby
from operator import itemgetter
from typing import Any

from jobs.lake import delta
from jobs.tables import DELIVERIES


@dataclass(frozen=True, slots=True)
class Night:
    """An audience of a published night as a destination has it. version: of gold.audience_members; marked: the held
    out are in it; withheld: it was told of nobody, as the audience was too small or gone.
    """

    ds: date
    published_at: datetime
    version: int
    marked: bool
    withheld: bool


@dataclass(frozen=True, slots=True)
class Delivery:
    """The batches of one delivery that were taken. anew: it does not build on what was told before."""

    delivery_id: str
    night: Night
    batches: int
    done: frozenset[int]
    anew: bool
    at: datetime

    @property
    def complete(self) -> bool:
        return len(self.done) == self.batches


def deliveries(warehouse: str, destination: str, audience: str) -> list[Delivery]:
    """In the order in which they were begun."""
    where = f"destination = {delta.listed([destination])} AND audience_id = {delta.listed([audience])}"
    found = sorted(delta.rows(warehouse, DELIVERIES, where), key=itemgetter("delivery_id"))
    grouped = [list(rows) for _, rows in groupby(found, key=itemgetter("delivery_id"))]
    return sorted(map(_of_rows, grouped), key=lambda one: one.at)


def _of_rows(rows: list[dict[str, Any]]) -> Delivery:
    row = rows[0]
    night = Night(
        row["ds"], row["published_at"], row["members_version"], row["holdout"] == "marked", row["withheld"] is not None
    )
    done = frozenset(one["batch"] for one in rows)
    at = min(one["delivered_at"] for one in rows)
    return Delivery(row["delivery_id"], night, row["batches"], done, row["previous_ds"] is None, at)


def last(told: Iterable[Delivery]) -> Delivery | None:
    """The newest complete delivery of the newest night."""
    return max((one for one in told if one.complete), key=lambda one: (one.night.ds, one.at), default=None)


def known(told: list[Delivery], tonight: Night) -> list[Night]:
    """The nights by one of which the destination may know each user: the last that it was told of whole, and those that
    it was told of in part since. None where it has to be told anew: nothing was told whole, or it began anew since.
    """
    if (before := last(told)) is None:
        return []
    since = [one for one in told if one.at > before.at and not one.complete]
    if any(one.anew for one in since):
        return []
    # What was told of tonight itself is as it will be.
    parts = [one.night for one in since if (one.night.ds, one.night.published_at) != (tonight.ds, tonight.published_at)]
    return list(dict.fromkeys([before.night, *parts]))


def note(warehouse: str, row: dict[str, Any]) -> None:
    """A batch was taken."""
    row = row | {"delivered_by": getpass.getuser(), "delivered_at": datetime.now(UTC)}
    batch = f"delivery_id = '{row['delivery_id']}' AND batch = {row['batch']}"
    delta.replace_rows([row], warehouse, DELIVERIES, batch)
