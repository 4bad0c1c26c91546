"""The shops that a warehouse holds events of. Their days were cut in a zone each, which ops.loads keeps."""

from __future__ import annotations

from jobs.errors import UsageError
from jobs.lake import delta
from jobs.sources import spec
from jobs.sources.spec import Source
from jobs.tables import LOADS


def zones(warehouse: str) -> set[tuple[str, str]]:
    """(source, zone in which days of its events were cut), as the ledger has it."""
    of_zone = "zone" if delta.has_column(warehouse, LOADS, "zone") else "NULL AS zone"  # before it was kept
    rows = delta.rows(warehouse, LOADS, "kind = 'events'", f"DISTINCT source, {of_zone}")
    return {(row["source"], row["zone"] or "UTC") for row in rows}


def require_days(warehouse: str, source: Source) -> None:
    """UsageError where the warehouse holds days of the source that are not those of its `shop_zone`."""
    others = {zone for name, zone in zones(warehouse) if name == source.name} - {source.shop_zone}
    if others:
        raise UsageError(
            f"expected days of {source.shop_zone}, the shop_zone of source {source.name}, found days of "
            f"{', '.join(sorted(others))} in {warehouse}; once: python -m jobs migrate --warehouse {warehouse}"
        )


def held(warehouse: str) -> list[Source]:
    """The sources whose events the warehouse holds, by name; UsageError, see `require_days`."""
    shops = [spec.load(name) for name in sorted({name for name, _ in zones(warehouse)})]
    for shop in shops:
        require_days(warehouse, shop)
    return shops
