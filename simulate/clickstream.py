"""What the made-up shop logs of its users' steps: records with their flaws, by day of delivery."""

from __future__ import annotations

from datetime import date

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from jobs.chance import Chance, at
from jobs.lake.engine import frames
from simulate import behaviour, catalogue
from simulate.behaviour import CART, DAY_MS, PURCHASE, REFUND, SEARCH, STEPS, UNCART, ZONE_MS
from simulate.plan import MALFORMED, MOST_VISITS, Plan

# What a record is, hidden from the shop: sent twice in a delivery, delivered again on a later day, garbage, of an
# earlier day, of a bot.
FLAGS = ("repeated", "again", "malformed", "late", "bot")


def events(looks_: DataFrame, plan: Plan) -> DataFrame:
    """One row a record of the deliveries that the looks are for: its columns, the day of delivery `ds`, and
    what it is, hidden from the shop: FLAGS.
    """
    chance, step = Chance(plan.seed), F.col("step")
    frame = looks_.withColumn("entry", F.explode("steps")).drop("steps")
    frame = frame.withColumns({"step": F.col("entry") % len(STEPS), "repeated": F.col("entry") >= len(STEPS)})
    of_look = (F.col("user"), F.col("day"), F.col("visit"), F.col("look"))
    # A look takes up to its pace, with a pause before; what is bought is paid at the end of the visit, line by line.
    browsed = (F.col("look") + 0.6 * chance.draw("pause", *of_look) + 0.055 * step) * F.col("pace") * 1000
    paid = (F.col("looks") + 0.3) * F.col("pace") * 1000 + F.col("look") * 40
    back = paid + F.col("refund_days").cast("bigint") * DAY_MS
    at_ms = F.when(step == REFUND, back).when(step == PURCHASE, paid).otherwise(browsed)
    frame = frame.withColumn(
        "ms", F.col("day").cast("bigint") * DAY_MS + F.col("start").cast("bigint") * 1000 + F.floor(at_ms)
    )
    arrives = F.floor((F.col("ms") + F.col("late_ms")) / DAY_MS)
    again = F.col("resent") & (arrives + 1 == F.col("delivery"))
    frame = frames.where(frame, (arrives == F.col("delivery")) | again)
    frame = frame.withColumn("again", again)

    visit_number = (F.col("day").cast("bigint") * plan.users + F.col("user")) * MOST_VISITS + F.col("visit")
    frame = frame.withColumn("event_id", (visit_number * 512 + F.col("look")) * len(STEPS) + step)
    once = ~F.col("resent") & ~F.coalesce(F.col("twice") % len(STEPS) == step, F.lit(False))
    garbage = once & chance.happens(MALFORMED, "malformed", "event_id")
    frame = frame.withColumn("flaw", F.when(garbage, chance.whole(5, "flaw", "event_id")).otherwise(-1))
    return _as_records(frame, plan)


def _as_records(frame: DataFrame, plan: Plan) -> DataFrame:
    chance, step, flaw = Chance(plan.seed), F.col("step"), F.col("flaw")
    persona, of_look = F.col("persona"), (F.col("user"), F.col("day"), F.col("visit"), F.col("look"))
    searched, money = step == SEARCH, step.isin(PURCHASE, REFUND)
    more = F.floor(
        -F.log(1 - chance.draw("pieces", *of_look)) * F.greatest(behaviour.of(persona, "pieces"), F.lit(0.01))
    )
    pieces = F.least(1 + more, F.lit(12)).cast("int")
    whole = F.col("cents") * pieces
    percent = chance.pick([5, 10, 10, 15, 20, 30], "discount", *of_look)
    cheaper = chance.happens(behaviour.of(persona, "discount"), "has discount", *of_look)
    discount = F.when(cheaper, F.floor(whole * percent / 100)).otherwise(0).cast("bigint")
    epoch_ms = F.lit((plan.first - date(1970, 1, 1)).days * DAY_MS - ZONE_MS)
    clock = F.when(flaw == 0, F.lit(0)).when(flaw == 1, epoch_ms + F.col("ms") + 300 * DAY_MS)
    return frame.select(
        F.when(flaw != 2, F.col("event_id")).alias("event_id"),
        F.when(flaw != 3, behaviour.user_id(F.col("user"))).alias("user_id"),
        F.coalesce(clock, epoch_ms + F.col("ms")).alias("ts"),
        F.when(flaw == 4, "exposure").otherwise(at(STEPS, step)).alias("action"),
        F.when(~searched, catalogue.sku(F.col("number"))).alias("sku"),
        F.when(step.isin(CART, UNCART, PURCHASE, REFUND), pieces).alias("qty"),
        F.when(~searched, _yuan(F.col("cents"))).alias("price"),
        F.when(money, _yuan(whole - discount)).alias("paid"),
        F.when(step == PURCHASE, _yuan(discount)).alias("discount"),
        F.when(searched, _query(chance)).alias("query"),
        _user_agent(chance).alias("user_agent"),
        _channel(chance).alias("channel"),
        F.date_add(F.lit(plan.first), F.col("delivery")).alias("ds"),
        (F.col("repeated") & ~F.col("again")).alias("repeated"), "again", (flaw >= 0).alias("malformed"), "bot",
        (F.floor(F.col("ms") / DAY_MS) < F.col("delivery")).alias("late"),
    )  # fmt: skip


def _yuan(cents: Column) -> Column:
    return (cents.cast("decimal(14,0)") * F.lit("0.01").cast("decimal(3,2)")).cast("decimal(12,2)")


def _query(chance: Chance) -> Column:
    """What is typed: the kind of product, often with a word or a brand before it; two users of three type Chinese."""
    words, leaves = catalogue.words(), catalogue.leaves()
    of_look = (F.col("user"), F.col("day"), F.col("visit"), F.col("look"))
    department = F.floor(F.col("leaf") / catalogue.leaves_a_department()).cast("int")
    before = [
        text
        for one in words.values()
        for text in (*one["brands"], *(pair[0] for pair in one["adjectives"]), *(pair[1] for pair in one["adjectives"]))
    ]
    place = chance.whole(8, "query word", *of_look)
    chinese = chance.happens(0.67, "types Chinese", "user")
    # 6 brands, 3 of each language first English, then 5 adjectives of each.
    english_at = F.when(place < 3, place).otherwise(place + 3)
    chinese_at = F.when(place < 3, place + 3).otherwise(place + 8)
    word = at(before, department * 16 + F.when(chinese, chinese_at).otherwise(english_at))
    with_word = chance.happens(0.55, "query is long", *of_look)
    noun = F.when(chinese, at([one.name_zh for one in leaves], F.col("leaf"))).otherwise(
        at([one.name for one in leaves], F.col("leaf"))
    )
    gap = F.when(chinese, "").otherwise(" ")
    return F.when(with_word, F.concat(word, gap, noun)).otherwise(noun)


_APPS = (
    "HuaShop/8.{n}.0 (iPhone; iOS 18.{n})", "HuaShop/8.{n}.1 (Android 15; Pixel 9)",
    "HuaShop/8.{n}.1 (Android 14; Xiaomi 14)", "HuaShop/7.{n}.4 (Android 13; HUAWEI P60)",
)  # fmt: skip
_MINI = (
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_{n} like Mac OS X) AppleWebKit/605.1.15 MicroMessenger/8.0.{n} MiniProgram",
    "Mozilla/5.0 (Linux; Android 14) AppleWebKit/537.36 MicroMessenger/8.0.{n} MiniProgramEnv/android",
)
_WEB = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/13{n}.0.0.0 Safari/537.36",
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.{n} Safari",
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:13{n}.0) Gecko/20100101 Firefox/13{n}.0",
)
_BOTS = (
    "python-requests/2.32.{n}", "Scrapy/2.1{n} (+https://scrapy.org)", "Mozilla/5.0 (compatible; Bytespider; v{n})",
    "Mozilla/5.0 (compatible; Googlebot/2.{n}; +http://www.google.com/bot.html)",
)  # fmt: skip
_CHANNELS = ("app", "app", "app", "mini_program", "mini_program", "web")


def _channel(chance: Chance) -> Column:
    """Where a visit takes place: a user's usual way on four visits of five."""
    usual = chance.happens(0.8, "usual channel", "user", "day", "visit")
    other = chance.pick(_CHANNELS, "channel of visit", "user", "day", "visit")
    return F.when(F.col("bot"), "web").when(usual, chance.pick(_CHANNELS, "channel", "user")).otherwise(other)


def _user_agent(chance: Chance) -> Column:
    """The program that sent the event: one for each user and channel."""

    def of(texts: tuple[str, ...]) -> Column:
        return chance.pick([text.replace("{n}", str(n)) for text in texts for n in range(1, 6)], "device", "user")

    channel = _channel(chance)
    return F.when(F.col("bot"), of(_BOTS)).when(channel == "app", of(_APPS)).when(
        channel == "web", of(_WEB)).otherwise(of(_MINI))  # fmt: skip
