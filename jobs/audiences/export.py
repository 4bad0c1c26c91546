"""audience export ID --out FILE: the members of a published night, or its changes, as a file to hand out.

Left out: who is held out, who may not be addressed by what is known of his consent now, who is known no more. An
audience of few is not handed out at all. Each export is a row of ops.exports.
"""

from __future__ import annotations

import getpass
import json
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from uuid import uuid4

from pydantic import Field

from jobs import conf
from jobs.audiences.definition import Suppression
from jobs.conf import CONF, Strict, nearest
from jobs.errors import DataError, UsageError
from jobs.lake import answers, delta, sql
from jobs.tables import AUDIENCES, EXPORTS

_CONSENT = {
    "granted": "coalesce(marketing_consent, false)", "not_refused": "coalesce(marketing_consent, true)", "any": "true",
}  # fmt: skip


class Rules(Strict):
    """conf/export.yaml. least: members that an audience must have to be handed out."""

    least: int = Field(ge=1)


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is asked for. marked: the held out are in the file, with a column that says so."""

    audience: str
    ds: date
    changes: bool = False
    marked: bool = False


def run(warehouse: str, wanted: Wanted, out: Path) -> str:
    """Write the file and the row of ops.exports; what was left out, as a text.

    UsageError where there is no such audience that night, DataError where it has too few members.
    """
    answers.hold_name(out)
    published = published_row(warehouse, wanted)
    if published["size"] < least():
        raise DataError(
            f"audience {wanted.audience}: expected {least()} members or more to hand out, found {published['size']} on"
            f" {wanted.ds}; conf/export.yaml says how many"
        )
    rows = _rows(wanted, consent_of(published))
    with sql.connect(warehouse, rows) as connection:
        counted = dict(connection.sql(f"SELECT fate, count(*) FROM ({rows}) GROUP BY fate").fetchall())
        fates = ("out", "held out") if wanted.marked else ("out",)
        going = sum(counted.get(fate, 0) for fate in fates)
        # Before the file is there: none is handed out without its row.
        log = _log(wanted, published, counted, going, out)
        delta.replace_rows([log], warehouse, EXPORTS, f"export_id = '{log['export_id']}'")
        columns = "user_id, ds, change" if wanted.changes else "user_id, since_ds"
        mark = ", fate = 'held out' AS holdout" if wanted.marked else ""
        kept = f"SELECT {columns}{mark} FROM ({rows}) WHERE fate IN ({delta.listed(fates)}) ORDER BY user_id"
        written = answers.write(connection, kept, out)
    left = ", ".join(f"{count:,} {fate}" for fate, count in sorted(counted.items()) if fate != "out")
    what = "changes" if wanted.changes else "members"
    return f"{written:,} {what} of {wanted.audience} as of {wanted.ds} in {out}" + (f"; {left}" if left else "")


def least() -> int:
    """The members that an audience must have to be handed out."""
    return conf.read(CONF / "export.yaml", Rules, "rule set of exports").least


def consent_of(published: dict) -> str:
    """Whether a user may be addressed, as SQL over his row of silver.users. published: a row of gold.audiences."""
    definition = json.loads(published.get("definition") or "{}")
    return _CONSENT[definition.get("suppress", {}).get("consent", Suppression().consent)]


def published_row(warehouse: str, wanted: Wanted) -> dict:
    """The row of gold.audiences."""
    version = sql.manifest(warehouse).get(AUDIENCES.full_name)
    if version is None:
        raise UsageError(f"expected a published night in {warehouse}, found none")
    night = f"ds = '{wanted.ds}'"
    found = {row["audience_id"]: row for row in delta.rows(warehouse, AUDIENCES, night, "*", version)}
    if wanted.audience not in found:
        hint = nearest(wanted.audience, sorted(found), "there are") if found else "; the night was not published"
        raise UsageError(f"expected an audience of {wanted.ds}, found {wanted.audience!r}{hint}")
    return found[wanted.audience]


def _rows(wanted: Wanted, consent: str) -> str:
    """A query of the members or changes, each with its fate: out (it goes out), held out, refused or unknown.

    Who leaves goes out whatever he allows: the one who was told of him must forget him.
    """
    here = f"ds = DATE '{wanted.ds}' AND audience_id = '{wanted.audience}'"
    members = f"(SELECT user_id, since_ds, holdout FROM gold.audience_members WHERE {here})"
    users = "(SELECT user_id, marketing_consent, true AS known FROM silver.users)"
    if not wanted.changes:
        fate = (
            f"CASE WHEN known IS NULL THEN 'unknown' WHEN NOT {consent} THEN 'refused'"
            " WHEN holdout THEN 'held out' ELSE 'out' END"
        )
        return f"SELECT m.*, {fate} AS fate FROM {members} m LEFT JOIN {users} u USING (user_id)"
    fate = (
        f"CASE WHEN known IS NULL THEN 'unknown' WHEN change = 'exit' THEN 'out' WHEN NOT {consent} THEN 'refused'"
        " WHEN holdout THEN 'held out' ELSE 'out' END"
    )
    changes = f"(SELECT user_id, ds, change FROM gold.audience_changes WHERE {here})"
    return (
        f"SELECT c.*, {fate} AS fate FROM {changes} c LEFT JOIN {members} m USING (user_id)"
        f" LEFT JOIN {users} u USING (user_id)"
    )


def _log(wanted: Wanted, published: dict, counted: dict[str, int], going: int, out: Path) -> dict:
    return {
        "export_id": uuid4().hex, "audience_id": wanted.audience, "ds": wanted.ds,
        "what": "changes" if wanted.changes else "members", "rows": going,
        "held_out": counted.get("held out", 0), "refused": counted.get("refused", 0),
        "unknown": counted.get("unknown", 0), "holdout": "marked" if wanted.marked else "left out",
        "file": out.name, "exported_by": getpass.getuser(), "exported_at": datetime.now(UTC),
        "definition_hash": published["definition_hash"], "run_id": published["run_id"],
    }  # fmt: skip
