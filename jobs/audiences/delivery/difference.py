"""What a destination must be told, so that it knows an audience as of tonight: users who enter and who leave."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

import duckdb
import pyarrow as pa
from deltalake import DeltaTable
from deltalake.exceptions import DeltaError
from pyarrow import compute as pc

from jobs.audiences.delivery.ledger import Night
from jobs.lake import sql
from jobs.tables import AUDIENCE_MEMBERS, SILVER_USERS

_ROWS = pa.schema([("user_id", pa.string()), ("holdout", pa.bool_())])
# Of somebody in `now`, each night of `before` must have him, marked alike; of nobody else may one have him. Who leaves
# goes out whatever he allows: the one who was told of him must forget him.
_DIFFERENCE = """
CREATE TEMP TABLE difference AS
WITH known AS (SELECT user_id, holdout, count(*) AS nights FROM before GROUP BY ALL),
moves AS (
  SELECT user_id, 'enter' AS change, holdout FROM now LEFT JOIN known USING (user_id, holdout)
  WHERE coalesce(nights, 0) < {nights}
  UNION ALL SELECT DISTINCT user_id, 'exit', false FROM before WHERE user_id NOT IN (SELECT user_id FROM now)
)
SELECT row_number() OVER (ORDER BY user_id) - 1 AS place, moves.*,
  CASE WHEN change = 'exit' THEN 'out' WHEN here IS NULL THEN 'unknown' WHEN NOT {consent} THEN 'refused' ELSE 'out'
  END AS fate
FROM moves LEFT JOIN (SELECT user_id, marketing_consent, true AS here FROM users) USING (user_id)
"""


class Difference:
    """Rows of user_id, change (enter, exit), holdout and fate: out, or why it does not go out (refused, unknown).

    `digest` names who moves: the consents that decide the fates may change between two tries.
    """

    def __init__(self, warehouse: str, now: pa.Table, before: list[pa.Table], consent: str):
        """now: see `members`; before: of each night by which the destination may know a user; consent: SQL."""
        self.connection = duckdb.connect()
        self.connection.register("now", now)
        self.connection.register("before", pa.concat_tables(before) if before else _ROWS.empty_table())
        self.connection.register("users", sql.scannable(warehouse, SILVER_USERS))
        self.connection.execute(_DIFFERENCE.format(nights=max(len(before), 1), consent=consent))
        text = "string_agg(user_id || ' ' || change || ' ' || holdout, chr(10) ORDER BY place)"
        [(self.rows, moves)] = self.connection.sql(f"SELECT count(*), {text} FROM difference").fetchall()
        self.digest = hashlib.sha256((moves or "").encode()).hexdigest()

    def __enter__(self) -> Difference:
        return self

    def __exit__(self, *_: object) -> None:
        self.connection.close()

    def batches(self, size: int) -> Iterator[list[tuple[str, str, bool, str]]]:
        """The rows by user, so many at a time; one empty batch where there are none."""
        for first in range(0, max(self.rows, 1), size):
            some = f"SELECT * EXCLUDE place FROM difference WHERE place >= {first} AND place < {first + size}"
            yield self.connection.sql(f"{some} ORDER BY place").fetchall()


def members(warehouse: str, audience: str, night: Night) -> pa.Table | None:
    """user_id and holdout (false of all where they are not marked) of whom is to be told; None where the version is to
    be had no more: an erasure buries it.
    """
    if night.withheld:
        return _ROWS.empty_table()
    wanted = (pc.field("ds") == night.ds) & (pc.field("audience_id") == audience)
    try:
        opened = DeltaTable(AUDIENCE_MEMBERS.path(warehouse), version=night.version)
        rows = opened.to_pyarrow_dataset().to_table(columns=_ROWS.names, filter=wanted).cast(_ROWS)
    except (DeltaError, OSError):
        return None
    return rows if night.marked else rows.filter(pc.invert(rows["holdout"]))
