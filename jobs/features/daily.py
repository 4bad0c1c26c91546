"""silver.events -> gold.user_daily: a user's day. Money is DECIMAL and lists are sorted, so the shuffle cannot show.

A row depends on its user's events of the day and on `mean_prices` of the day, which late rows never change: a late row
of one user leaves the rows of all others as they were.
"""

from __future__ import annotations

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from jobs.lake.engine import columns
from jobs.tables import MONEY

# Of silver.events, what a day is made of.
READS = (
    "user_id", "ds", "event_type", "product_id", "category", "department", "brand", "quantity", "amount", "discount",
    "list_amount", "session_start", "order_start", "local_hour", "local_weekday", "is_bot", "landed_ds",
)  # fmt: skip

_FACTS = ("department", "category", "brand")

# Which types put a product into which of the day's lists.
_LISTS = {"viewed_ids": ("view", "click"), "carted_ids": ("cart",), "product_ids": ("purchase",)}


def _of(*types: str) -> Column:
    return F.col("event_type").isin(*types)


def _count(condition: Column) -> Column:
    return F.count_if(condition).cast("int")


def _sum(column: str, kind: str = "purchase", where: Column | None = None) -> Column:
    condition = _of(kind) if where is None else _of(kind) & where
    return F.coalesce(F.sum(F.when(condition, F.col(column))), F.lit(0)).cast(MONEY)


def _counts(column: str, first: int, last: int) -> Column:
    """Events by each value of a column, as an array."""
    return F.array(*[_count(F.col(column) == value) for value in range(first, last + 1)])


def mean_prices(events: DataFrame) -> DataFrame:
    """One row a day and category with a purchase: the mean list price of a piece, over rows that did not come late.

    `events` are all users' rows of silver.events of the days, bots' too: whether a user's day is a bot's may change by
    a late row.
    """
    bought = events.where(_of("purchase") & (F.col("landed_ds") <= F.col("ds")))
    mean = columns.divided(F.sum("list_amount"), F.sum("quantity")).cast("decimal(18,4)")
    return bought.groupBy("ds", "category").agg(mean.alias("mean_price"))


def with_prices(events: DataFrame, prices: DataFrame) -> DataFrame:
    """`events` with expected_amount, is_low and is_high of a purchase, held against rows of `mean_prices`.

    A line of a category without a mean is expected at its own list price, and is neither low nor high.
    """
    means = F.broadcast(prices.withColumnsRenamed({"ds": "price_ds", "category": "price_category"}))
    bought_on = F.when(_of("purchase"), F.col("ds"))  # null, and not looked up, for all other events
    same = (bought_on == F.col("price_ds")) & F.col("category").eqNullSafe(F.col("price_category"))
    mean = F.col("mean_price") * F.col("quantity")
    return events.join(means, same, "left").withColumns({
        "expected_amount": F.coalesce(mean, F.col("list_amount")).cast(MONEY),
        "is_low": F.col("list_amount") * 4 < mean * 3,
        "is_high": F.col("list_amount") * 4 > mean * 5,
    })  # fmt: skip


def product_lists(events: DataFrame) -> DataFrame:
    """One row a user and day with a product: viewed_ids, carted_ids, product_ids, each distinct and sorted.

    Told apart within the list: Sail keeps a set for each group and list, five times as dear as the list.
    """
    lists = [
        F.sort_array(F.array_distinct(F.collect_list(F.when(_of(*types), F.col("product_id"))))).alias(name)
        for name, types in _LISTS.items()
    ]
    touching = _of(*(kind for types in _LISTS.values() for kind in types)) & F.col("product_id").isNotNull()
    return events.where(touching).groupBy("user_id", "ds").agg(*lists)


def money_maps(events: DataFrame) -> DataFrame:
    """One row a user and day with a purchase: department_amount, category_amount, brand_amount, keys sorted.

    Summed as rows, not inside arrays: Spark interprets a function over an array element by element.
    """
    facts = F.array(*[F.struct(F.lit(kind).alias("kind"), F.col(kind).alias("name")) for kind in _FACTS])
    cells = (
        events.where(_of("purchase"))
        .select("user_id", "ds", "amount", F.explode(facts).alias("fact"))
        .select("user_id", "ds", "amount", "fact.kind", "fact.name")
        .where("name IS NOT NULL")
        .groupBy("user_id", "ds", "kind", "name")
        .agg(F.sum("amount").cast(MONEY).alias("amount"))
    )
    entry = F.struct("name", "amount")
    lists = [F.sort_array(F.collect_list(F.when(F.col("kind") == kind, entry))).alias(kind) for kind in _FACTS]
    maps = [F.map_from_entries(kind).alias(f"{kind}_amount") for kind in _FACTS]
    return cells.groupBy("user_id", "ds").agg(*lists).select("user_id", "ds", *maps)


def counts(events: DataFrame) -> DataFrame:
    """One row a user and day: every plain number. `events` are rows of `with_prices`, bots' among them."""
    is_bot = F.coalesce(F.col("is_bot"), F.lit(False))
    of_people = ("event_type", "session_start", "order_start", "local_hour", "local_weekday")
    seen = events.withColumns({name: F.when(~is_bot, F.col(name)) for name in of_people} | {"is_bot": is_bot})
    return seen.groupBy("user_id", "ds").agg(
        F.count("event_type").cast("int").alias("events"),
        _count(F.col("is_bot")).alias("bot_events"),
        _count(_of("view", "click")).alias("views"),
        _count(_of("search")).alias("searches"),
        _count(_of("favourite")).alias("favourites"),
        _count(_of("cart")).alias("carts"),
        _count(_of("uncart")).alias("uncarts"),
        _count(_of("purchase")).alias("purchases"),
        _count(_of("refund")).alias("refunds"),
        _count(F.col("order_start")).alias("orders"),
        _count(F.col("session_start")).alias("sessions"),
        F.coalesce(F.sum(F.when(_of("purchase"), F.col("quantity"))), F.lit(0)).alias("quantity"),
        _sum("amount").alias("amount"),
        _sum("list_amount").alias("list_amount"),
        _sum("discount").alias("discount"),
        _sum("amount", "refund").alias("refund_amount"),
        _sum("expected_amount").alias("expected_amount"),
        _sum("amount", where=F.col("is_low")).alias("low_price_amount"),
        _sum("amount", where=F.col("is_high")).alias("high_price_amount"),
        _counts("local_hour", 0, 23).alias("hours"),
        _counts("local_weekday", 1, 7).alias("weekdays"),
    )


def build(events: DataFrame, prices: DataFrame) -> DataFrame:
    """One row a user and day of `events`, rows of silver.events; `prices` are rows of `mean_prices` of the same days.

    `events` may be those of some users alone; a day of theirs has to be whole.
    """
    days = counts(with_prices(events, prices))
    people = events.where(~F.coalesce(F.col("is_bot"), F.lit(False)))
    nothing, no_money = F.array().cast("array<string>"), F.create_map().cast(f"map<string,{MONEY}>")
    empty = dict.fromkeys(_LISTS, nothing) | {f"{kind}_amount": no_money for kind in _FACTS}
    joined = days.join(product_lists(people), ["user_id", "ds"], "left").join(
        money_maps(people), ["user_id", "ds"], "left"
    )
    week = {"week": F.trunc("ds", "week")}
    return joined.withColumns({name: F.coalesce(F.col(name), value) for name, value in empty.items()} | week)
