"""What an erasure deletes: the users' rows in every table, their texts in the quarantine, and of products that were
read from their events what only those told.
"""

from __future__ import annotations

from collections import Counter

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from jobs.erasure.wanted import QUARANTINED, quarantined
from jobs.errors import UsageError
from jobs.lake import delta, upkeep
from jobs.settings import Settings
from jobs.sources import keys, spec
from jobs.sources.keys import Keys
from jobs.sources.spec import PRODUCT_FIELDS, Source
from jobs.tables import BRONZE_PRODUCTS, BY_NAME, LOADS, QUARANTINE, SILVER_PRODUCTS, USER_COLUMN, Table

# Users' ids stand in these beside those of USER_COLUMN: in texts, and in what else is known of a product.
_BESIDE = (QUARANTINE, BRONZE_PRODUCTS, SILVER_PRODUCTS)


def known_sources(s: Settings) -> list[Source]:
    """The mappings of everything that was ever loaded. One that is gone cannot say which of its columns hold ids."""
    sources = []
    for row in delta.rows(s.warehouse, LOADS, "true", "DISTINCT source"):
        try:
            sources.append(spec.load(row["source"]))
        except UsageError as error:
            print(f"warning: the columns of {row['source']} are not known: {error}")
    return sources


def user_columns(sources: list[Source]) -> set[str]:
    """The sources' own columns that hold users' ids, as texts and maps have them."""
    return {column for source in sources for column in source.user_columns}


def touched_tables(s: Settings) -> list[Table]:
    """The written tables in which a user's id may stand."""
    names = [*USER_COLUMN, *(table.full_name for table in _BESIDE)]
    return [BY_NAME[name] for name in names if delta.exists(s.warehouse, BY_NAME[name])]


def _of_the_users(s: Settings, ids: list[str]) -> dict[str, Counter]:
    """How many rows each of the users has, by table of USER_COLUMN, where anybody of them has any."""
    counts = {}
    for name, column in USER_COLUMN.items():
        rows = delta.rows(s.warehouse, BY_NAME[name], f"{column} IN ({delta.listed(ids)})", column)
        if rows:
            counts[name] = Counter(row[column] for row in rows)
    return counts


def _in_quarantine(
    spark: SparkSession, s: Settings, ids: list[str], sources: list[Source]
) -> tuple[DataFrame, Counter]:
    """What tells the users' texts in the quarantine, and how many rows each of them has there."""
    words = quarantined(ids, user_columns(sources), keys.known(s.warehouse))
    chosen = spark.createDataFrame(words, "user_id string, others array<string>, pattern string, word string")
    refused = delta.read_or_empty(spark, s.warehouse, QUARANTINE).alias("t")
    rows = refused.join(F.broadcast(chosen).alias("s"), F.expr(QUARANTINED)).groupBy("s.user_id").count()
    return chosen, Counter({row["user_id"]: row["count"] for row in rows.collect()})


def present(spark: SparkSession, s: Settings, ids: list[str], sources: list[Source]) -> dict[str, Counter]:
    """How many rows each of the users has, by table, where anybody of them has any."""
    _, refused = _in_quarantine(spark, s, ids, sources)
    return _of_the_users(s, ids) | ({QUARANTINE.full_name: refused} if refused else {})


def delete(spark: SparkSession, s: Settings, ids: list[str], sources: list[Source]) -> None:
    """Delete the users' rows everywhere; of products that were read from their events, what only those told."""
    users = spark.createDataFrame([(user,) for user in ids], "user_id string")
    for name in _of_the_users(s, ids):
        delta.remove(s.warehouse, BY_NAME[name], users, f"t.`{USER_COLUMN[name]}` = s.user_id")
    for table in touched_tables(s):
        if table.deletion_vectors:  # what nights replaced before is marked, and still there
            upkeep.purge(spark, s.warehouse, table)
    texts, refused = _in_quarantine(spark, s, ids, sources)
    if refused:
        delta.remove(s.warehouse, QUARANTINE, texts, QUARANTINED)
    known = keys.known(s.warehouse)
    for source in sources:
        for column in source.events.fields["user_id"].columns if source.products_are_in_events else ():
            _forget_in_products(spark, s, ids, known.get(source.name, Keys()), column)


def _forget_in_products(spark: SparkSession, s: Settings, ids: list[str], of: Keys, column: str) -> None:
    """Leave of the attributes of a source's products that name one of the users in `column` only a product's own."""
    own = [(of.own(user), column) for user in ids if of.holds(user)]
    chosen = spark.createDataFrame(own, "user_id string, field string")
    kept = f"map_filter(t.attributes, (name, value) -> name IN ({delta.listed(PRODUCT_FIELDS)}))"
    for table, key in ((BRONZE_PRODUCTS, "id"), (SILVER_PRODUCTS, "product_id")):
        if delta.exists(s.warehouse, table):
            on = f"try_element_at(t.attributes, s.field) = s.user_id AND {of.holding(f't.{key}')}"
            delta.remove(s.warehouse, table, chosen, on, instead={"attributes": kept})
