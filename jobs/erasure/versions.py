"""Versions of the tables that nobody may read any more: manifests name those without the users, older ones go."""

from __future__ import annotations

from collections.abc import Iterable

from jobs.lake import delta, sql, upkeep
from jobs.settings import Settings
from jobs.tables import PUBLISHED, RUNS, Table


def back_to_the_published(s: Settings) -> None:
    """Take back what a killed `publish` wrote: the manifests are about to name the newest versions."""
    named = sql.manifest(s.warehouse)
    for table in PUBLISHED:
        version = named.get(table.full_name)
        if version is not None and delta.version(s.warehouse, table) != version:
            upkeep.restore(s.warehouse, table, version)


def newest(s: Settings, tables: Iterable[Table]) -> dict[str, int]:
    """The newest version of each table that was ever written."""
    versions = {table.full_name: delta.version(s.warehouse, table) for table in tables}
    return {name: version for name, version in versions.items() if version is not None}


def name_versions(s: Settings, versions: dict[str, int]) -> None:
    """Let the manifest of every published night name these versions of the tables: its own rows are in them, less the
    erased.
    """
    runs = delta.rows(s.warehouse, RUNS, "true")
    for row in runs:
        named = dict(row["table_versions"])
        row["table_versions"] = [(name, versions.get(name, version)) for name, version in named.items()]
        row["definitions"] = list(dict(row.get("definitions") or ()).items())
    if runs:
        delta.replace_rows(runs, s.warehouse, RUNS, "true")


def bury(s: Settings, tables: list[Table]) -> dict[str, int]:
    """Delete old files and old logs of the tables; returns their versions. Readers of the manifest find at any moment
    what it names.
    """
    for table in tables:
        upkeep.sweep(s.warehouse, table)
    versions = {table.full_name: upkeep.checkpoint(s.warehouse, table) for table in tables}
    name_versions(s, versions)
    for table in tables:
        upkeep.forget_before(s.warehouse, table, versions[table.full_name])
    return versions
