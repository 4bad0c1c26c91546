"""audience deliver: each destination of conf/destinations.yaml is told who entered and left its audiences.

It is told what differs from the night that it was told of last, whichever that is: a missed night is made up for, one
that was published again is corrected, and what failed half-way goes on with the batches that were not taken yet.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any

import msgspec

from jobs.audiences import export
from jobs.audiences.delivery import ledger
from jobs.audiences.delivery.destinations import Destination, load
from jobs.audiences.delivery.difference import Difference, members
from jobs.audiences.delivery.ledger import Night
from jobs.audiences.delivery.post import Poster
from jobs.errors import UnavailableError, UsageError
from jobs.lake import delta, sql, turns
from jobs.tables import AUDIENCE_MEMBERS, AUDIENCES, RUNS


@dataclass(frozen=True, slots=True)
class Published:
    """A night as it is published now: when, by which run, gold.audiences by id, the version of the members' table."""

    ds: date
    at: datetime
    run_id: str
    audiences: dict[str, dict[str, Any]]
    version: int

    @classmethod
    def of(cls, warehouse: str, ds: date) -> Published:
        """UsageError where it was not published."""
        run = max(_runs(warehouse, ds), key=lambda run: run["published_at"], default=None)
        if run is None:
            raise UsageError(f"expected a published night of {ds} in {warehouse}, found none; publish it first")
        versions = sql.manifest(warehouse)
        rows = delta.rows(warehouse, AUDIENCES, f"ds = '{ds}'", "*", versions[AUDIENCES.full_name])
        by_id = {row["audience_id"]: row for row in rows}
        return cls(ds, run["published_at"], run["run_id"], by_id, versions[AUDIENCE_MEMBERS.full_name])

    def night(self, audience: str, destination: Destination) -> tuple[Night, str | None]:
        """(the audience as it is to be told of, why of nobody)."""
        row, least = self.audiences.get(audience), export.least()
        why = "gone" if row is None else f"fewer than {least} members" if row["size"] < least else None
        return Night(self.ds, self.at, self.version, destination.holdout == "marked", why is not None), why

    def as_now(self, warehouse: str, night: Night) -> Night:
        """A night that was told of, where it is still published as it was then, in the newest version of the table."""
        same = any(run["published_at"] == night.published_at for run in _runs(warehouse, night.ds))
        return replace(night, version=self.version) if same else night


def _runs(warehouse: str, ds: date) -> list[dict[str, Any]]:
    return delta.rows(warehouse, RUNS, f"ds = '{ds}'", "run_id, published_at")


def run(warehouse: str, ds: date, only: str | None = None, *, anew: bool = False) -> str:
    """Tell all destinations, or one, of the published night of ds; anew: of all members, whatever was told before.

    One that fails does not keep the others from theirs: in the end UnavailableError where one did not answer, else
    UsageError where one refused.
    """
    published, unavailable, refused = Published.of(warehouse, ds), [], []
    for name, destination in load(only).items():
        try:
            with turns.alone(f"{warehouse}#deliveries to {name}"), Poster(destination) as poster:
                refused += _deliver_all(warehouse, name, poster, published, anew)
        except UnavailableError as error:
            unavailable.append(f"{name} {error}")
        except UsageError as error:
            refused.append(f"{name}: {error}")
    if unavailable:
        raise UnavailableError("; ".join(unavailable + refused))
    if refused:
        raise UsageError("; ".join(refused))
    return f"all destinations know {ds}"


def _deliver_all(warehouse: str, name: str, poster: Poster, published: Published, anew: bool) -> list[str]:
    """Print what was told of each audience, and return what was refused; UnavailableError ends it."""
    refused = []
    for audience in poster.destination.audiences:
        try:
            print(f"{name} {audience}: {_deliver(warehouse, name, audience, poster, published, anew)}", flush=True)
        except UsageError as error:
            refused.append(f"{name} {audience}: {error}")
        except UnavailableError as error:
            raise UnavailableError(f"{audience}: {error}") from None
    return refused


def _deliver(warehouse: str, name: str, audience: str, poster: Poster, published: Published, anew: bool) -> str:
    """What was told of an audience, as a text."""
    night, withheld = published.night(audience, poster.destination)
    told = ledger.deliveries(warehouse, name, audience)
    before = ledger.last(told)
    if before is None and withheld == "gone":
        export.published_row(warehouse, export.Wanted(audience, published.ds))  # whose error names the nearest
    if before is not None and before.night.ds > published.ds and not anew:
        return f"was told of {before.night.ds} already"
    known = [] if anew else [published.as_now(warehouse, one) for one in ledger.known(told, night)]
    rows = [members(warehouse, audience, one) for one in known]
    if None in rows:  # said by previous_ds, which is null
        rows = []
    row = published.audiences.get(audience, {})
    previous = before.night.ds if before is not None and rows else None
    with Difference(warehouse, members(warehouse, audience, night), rows, export.consent_of(row)) as difference:
        if previous == published.ds and not difference.rows:
            return "nothing new"
        # A second list of everybody is another delivery, even of the same users.
        again = sum(one.complete for one in told) if anew else 0
        about = [name, audience, str(published.ds), str(previous), poster.destination.batch, night.marked, again]
        code = hashlib.sha256(json.dumps([*about, difference.digest]).encode()).hexdigest()[:32]
        head = {
            "destination": name, "audience_id": audience, "ds": published.ds, "previous_ds": previous,
            "delivery_id": code, "batches": -(-max(difference.rows, 1) // poster.destination.batch),
            "holdout": poster.destination.holdout, "withheld": withheld, "published_at": published.at,
            "members_version": published.version, "run_id": published.run_id,
            "definition_hash": row.get("definition_hash"),
        }  # fmt: skip
        taken = next((one.done for one in told if one.delivery_id == code), frozenset())
        return _post_all(warehouse, poster, head, difference, taken)


def _post_all(
    warehouse: str, poster: Poster, head: dict[str, Any], difference: Difference, taken: frozenset[int]
) -> str:
    """Post the batches that were not taken yet, and write each down once it is."""
    batches, counted = head["batches"], dict.fromkeys(("entered", "left", "refused", "unknown"), 0)
    for number, rows in enumerate(difference.batches(poster.destination.batch), start=1):
        if number in taken:
            continue
        out = [row for row in rows if row[3] == "out"]
        counts = {
            "entered": sum(row[1] == "enter" for row in out), "left": sum(row[1] == "exit" for row in out),
            "refused": sum(row[3] == "refused" for row in rows), "unknown": sum(row[3] == "unknown" for row in rows),
        }  # fmt: skip
        if out or (number == 1 and head["previous_ds"] is None):
            what = f"batch {number} of {batches} of the changes of {head['ds']}"
            poster.post(f"{head['delivery_id']}-{number}", _body(head, number, out), what)
        ledger.note(warehouse, head | counts | {"batch": number})
        counted = {kind: counted[kind] + counts[kind] for kind in counted}
    sent = batches - len(taken)
    said = [f"{counted['entered']:,} entered, {counted['left']:,} left"]
    said += [f"{sent:,} {'batch' if sent == 1 else 'batches'}"]
    said += [f"{count:,} {kind}" for kind in ("refused", "unknown") if (count := counted[kind])]
    said += [f"withheld: {head['withheld']}"] if head["withheld"] else []
    said += ["a new list"] if head["previous_ds"] is None else [f"since {head['previous_ds']}"]
    return f"told of {head['ds']}: " + "; ".join(said)


def _body(head: dict[str, Any], number: int, rows: list[tuple[str, str, bool, str]]) -> bytes:
    marked = head["holdout"] == "marked"
    changes = [
        {"user_id": user, "change": change} | ({"holdout": holdout} if marked and change == "enter" else {})
        for user, change, holdout, _ in rows
    ]
    about = {key: head[key] for key in ("audience_id", "ds", "previous_ds", "delivery_id")}
    return msgspec.json.encode(about | {"batch": number, "batches": head["batches"], "changes": changes})
