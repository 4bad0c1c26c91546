"""erase: users leave the warehouse for good, and a scan proves it (docs/privacy.md).

In this order, so that a killed run can be run again with the same ids and ends in the same state, and readers of the
manifest always find the versions that it names:
1. who they are is written to ops.erasures, by a keyed hash: from now on no load takes them in;
2. their rows are deleted, in the waiting room and the quarantine too;
3. the manifests of published nights name the versions without them;
4. old files and old logs go, and with them all that older versions told;
5. every file is read and looked through. Only a scan without a find ends the erasure.
Every step asks the tables what is left to do, none what an earlier step did.
"""

from __future__ import annotations

from collections import Counter

from pyspark.sql import SparkSession

from jobs.erasure import deletion, proof, register, versions
from jobs.erasure.accounts import keep_accounts
from jobs.erasure.wanted import Wanted
from jobs.errors import DataError
from jobs.lake import erasures, keys, turns
from jobs.settings import Settings
from jobs.sources import keys as source_keys
from jobs.sources.spec import Source
from jobs.tables import PUBLISHED


def _erase(spark: SparkSession, s: Settings, wanted: Wanted, sources: list[Source], secret: bytes) -> dict[str, int]:
    """Steps 1 to 4; the versions of the tables that are left."""
    ids = list(wanted.ids)
    register.begin(s, ids, deletion.present(spark, s, ids, sources), secret)
    versions.back_to_the_published(s)
    deletion.delete(spark, s, ids, sources)
    keep_accounts(spark, s)
    tables = deletion.touched_tables(s)
    versions.name_versions(s, versions.newest(s, (*tables, *PUBLISHED)))
    left = versions.bury(s, tables)
    proof.drop_snapshots(s, wanted)
    return left


@turns.one_at_a_time("bronze", "silver", "features", "sequences")
def run(spark: SparkSession, s: Settings, ids: list[str], verify: bool = False) -> str:
    """Erase users and prove it, or with `verify` only look for them; DataError names each place where one still is.
    UsageError without the shop's key.
    """
    secret = keys.key("an erased user is remembered by a keyed hash of his id")
    erasures.suppressed(s)  # another key than that of earlier erasures is refused
    sources = deletion.known_sources(s)
    wanted = Wanted(ids, deletion.user_columns(sources), source_keys.known(s.warehouse))
    subjects = {erasures.subject(user, secret): k for k, user in enumerate(ids)}
    left = None if verify else _erase(spark, s, wanted, sources, secret)
    scan = proof.prove(s, wanted)
    rows = register.rows_of(s, subjects) if left is None else register.end(s, subjects, left, scan)
    if scan.finds:
        raise DataError(proof.still_there(scan.finds, wanted, secret))
    deleted = sum((Counter(dict(row["deleted"])) for row in rows), Counter())
    named = dict(rows[0]["table_versions"]) if rows else {}
    return proof.certificate(ids, deleted, named, scan)
