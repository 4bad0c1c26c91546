"""What the users of the made-up shop do: user's day -> visit -> look at a product -> step (a view, a cart, ...).

Each level is rows made of the level above by hashes alone. Nothing is joined, sorted or shuffled, so that a day of
delivery can be made by itself, on any number of cores, and is the same rows each time.
"""

from __future__ import annotations

from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F

from jobs.chance import Chance, at
from jobs.lake.engine import frames
from simulate import catalogue
from simulate.personas import AGE_BANDS, PERSONAS
from simulate.plan import (
    BOT_DAYS,
    BOT_LOOKS,
    DRIFT,
    GONE,
    LATE,
    LATER,
    MOST_LATE_DAYS,
    MOST_LOOKS,
    MOST_VISITS,
    OLDEST,
    OUTLIER,
    REFUND_DAYS,
    REMOVED,
    REPEATED,
    RESENT,
    RETURNED,
    RETURNED_LINES,
    SEEN_TWICE,
    Plan,
)

ZONE_MS = (
    8 * 3_600_000
)  # the shop is in China, which keeps one zone and no summer time; its days are those of its clock
DAY_S, DAY_MS = 86_400, 86_400_000

# What a step of a look can be, in its order of time; a refund comes days later.
STEPS = ("search", "view", "view", "favourite", "cart", "uncart", "purchase", "refund")
SEARCH, VIEW, REVIEW, FAVOURITE, CART, UNCART, PURCHASE, REFUND = range(len(STEPS))


BUSIEST_RATE = 2.5  # mean visits a day of the keenest


def of(persona: Column, name: str) -> Column:
    """A number of the persona in the column."""
    return at([float(getattr(one, name)) for one in PERSONAS], persona)


def user_id(user: Column) -> Column:
    """The user's id as the shop writes it: the order of users does not show."""
    return F.concat(F.lit("u"), F.lpad(((user + 1) * 736_338_717 % 999_999_937).cast("string"), 9, "0"))


def with_history(frame: DataFrame, plan: Plan) -> DataFrame:
    """`frame` (with `user`) with the days, counted from 0, on which the user came, left, and became another; personas
    `before` and `after`. A bot has persona -1; who stays leaves after the end; who does not drift has `turned` null.
    """
    chance, user = Chance(plan.seed), F.col("user")
    one = chance.spin([[p.share for p in PERSONAS]], F.lit(0), "persona", user)
    other = (one + 1 + chance.whole(len(PERSONAS) - 1, "next persona", user)) % len(PERSONAS)
    late_comer, leaver = chance.happens(LATER, "comes later", user), chance.happens(GONE, "leaves", user)
    turned = F.floor(plan.days * (0.3 + 0.5 * chance.draw("drift day", user))).cast("int")
    return frame.withColumns({
        "bot": user < plan.bots,
        "came": F.when(late_comer, chance.whole(plan.days, "came", user)).otherwise(0),
        "left": F.when(leaver, chance.whole(plan.days, "left", user)).otherwise(plan.days),
        "turned": F.when((user >= plan.bots) & chance.happens(DRIFT, "drifts", user), turned),
        "before": F.when(user < plan.bots, -1).otherwise(one),
        "after": F.when(user < plan.bots, -1).otherwise(other),
    })  # fmt: skip


def user_days(spark: SparkSession, plan: Plan, first: int, last: int, files: int) -> DataFrame:
    """One row a user's day of which the deliveries of the days first..last (counted from 0) may hold something.

    A delivery holds the day itself, what ran past midnight on the day before, and what comes late, again or back.
    `files` partitions a delivery, each of one delivery alone.
    """
    chance, a_user, a_day = Chance(plan.seed), OLDEST + 1, (OLDEST + 1) * plan.users
    ids = spark.range(first * a_day, (last + 1) * a_day, 1, (last + 1 - first) * files)
    frame = ids.select(
        F.floor(F.col("id") / a_day).cast("int").alias("delivery"),
        F.floor(F.col("id") % a_day / a_user).cast("bigint").alias("user"),
        (F.col("id") % a_user).cast("int").alias("age"),
    )
    frame = frame.withColumn("day", F.col("delivery") - F.col("age")).where("day >= 0")
    keys = (F.col("user"), F.col("day"))
    fate = chance.draw("fate", *keys)
    # Late by an hour to 40 days, as often by hours as by days as by weeks.
    late_ms = F.floor(3_600_000 * F.pow(F.lit(24.0 * MOST_LATE_DAYS), chance.draw("late by", *keys))).cast("bigint")
    frame = frame.withColumns({
        "late_ms": F.when(fate < LATE, late_ms).otherwise(0),
        "resent": (fate >= LATE) & (fate < LATE + RESENT),
        "returns": (fate >= LATE + RESENT) & (fate < LATE + RESENT + RETURNED),
        "refund_days": REFUND_DAYS[0] + chance.whole(REFUND_DAYS[1] - REFUND_DAYS[0], "refund days", *keys),
    })  # fmt: skip
    late_days = F.floor(F.col("late_ms") / DAY_MS)
    delivered = (
        (F.col("age") <= 1)
        | ((F.col("late_ms") > 0) & F.col("age").between(late_days, late_days + 2))
        | (F.col("resent") & (F.col("age") == 2))
        | (F.col("returns") & F.col("age").between(F.col("refund_days"), F.col("refund_days") + 2))
    )
    return frames.where(frame, delivered)


def visits(days: DataFrame, plan: Plan) -> DataFrame:
    """One row a visit of `days`: `start` in seconds after the shop's midnight, `looks`, `pace` in seconds a look.

    Of a user's day whose delivery is of later days only those visits that reach into them.
    """
    chance, user, day = Chance(plan.seed), F.col("user"), F.col("day")
    # A few come daily, most a few times a month: log-normal, of mean 1.
    keen = F.exp(1.1 * chance.normal("activity", user) - 1.1**2 / 2)
    frame = days.withColumns({"keen": plan.visits_a_day * keen, "luck": chance.draw("visits", user, day)})
    # On most days most users do not come, whoever they are: they are out before anything is asked about them.
    likeliest = F.least(F.col("keen") * max(one.visits * max(one.weekend, 1) for one in PERSONAS), F.lit(BUSIEST_RATE))
    frame = frames.where(frame, (F.col("luck") >= F.exp(-likeliest)) | (user < plan.bots))

    frame = frames.where(with_history(frame, plan), F.expr("day >= came AND day < left"))
    persona = F.when(day >= F.coalesce("turned", F.lit(plan.days)), F.col("after")).otherwise(F.col("before"))
    frame = frame.withColumn("persona", F.greatest(persona, F.lit(0)))
    weekend = F.when((day + plan.first.weekday()) % 7 >= 5, of(F.col("persona"), "weekend")).otherwise(1.0)
    rate = F.least(F.col("keen") * of(F.col("persona"), "visits") * weekend, F.lit(BUSIEST_RATE))
    frame, luck = frame.withColumn("rate", rate), F.col("luck")
    none = F.exp(-F.col("rate"))
    terms, poisson = [none], F.lit(0)  # how many steps of the Poisson distribution the draw is beyond
    for n in range(MOST_VISITS):
        poisson = poisson + F.when(luck >= sum(terms[1:], terms[0]), 1).otherwise(0)
        terms.append(terms[-1] * F.col("rate") / (n + 1))
    bot_comes = F.when(luck < BOT_DAYS, 1).otherwise(0)
    count = F.when(F.col("bot"), bot_comes).otherwise(poisson)
    frame = frames.where(frame.withColumn("count", count), F.col("count") > 0)
    frame = frame.withColumn("visit", F.explode(F.sequence(F.lit(0), F.col("count") - 1)))

    keys = (user, day, F.col("visit"))
    # The first visit at the persona's hours, each further one 2.5 to 5.5 hours after: two visits are never one.
    hour = chance.spin([list(map(int, p.hours)) for p in PERSONAS], F.col("persona"), "hour", user, day)
    opening = (hour + chance.draw("minute", user, day)) * 3600
    later = F.col("visit") * (9_000 + chance.whole(10_800, "next visit", user, day))
    looks = 1 + F.floor(-F.log(1 - chance.draw("looks", *keys)) * of(F.col("persona"), "looks"))
    pace = 12.0 * F.pow(F.lit(8.0), chance.draw("pace", *keys))
    frame = frame.withColumns({
        "start": F.floor(opening + later).cast("int"),
        "looks": F.when(F.col("bot"), BOT_LOOKS).otherwise(F.least(looks, F.lit(MOST_LOOKS))).cast("int"),
        "pace": F.when(F.col("bot"), 1.5).otherwise(pace),
    })  # fmt: skip
    reaches = F.col("start") + (F.col("looks") + 1) * F.col("pace") >= F.col("age") * DAY_S
    returns = F.col("returns") & (F.col("age") >= F.col("refund_days"))
    return frames.where(frame, (F.col("late_ms") > 0) | F.col("resent") | returns | reaches)


def looks(visits_: DataFrame, plan: Plan) -> DataFrame:
    """One row a look at a product: its number, leaf, tier and price in cents, and `steps`, what was done with it."""
    chance, persona, user = Chance(plan.seed), F.col("persona"), F.col("user")
    wide = catalogue.leaves_a_department()
    names = catalogue.departments()
    taste = [[one.taste.get(name, 1) for name in names] for one in PERSONAS]
    tiers = [list(one.tiers) for one in PERSONAS]

    def leaf_for(about: str, *keys: Column) -> Column:
        """A leaf of the persona's taste; as often as not the user's favourite one of the department."""
        department = chance.spin(taste, persona, f"{about}: department", *keys)
        own = chance.whole(wide, "favourite leaf", user, department)
        any_ = chance.whole(wide, f"{about}: leaf", *keys)
        return department * wide + F.when(chance.happens(0.5, f"{about}: own", *keys), own).otherwise(any_)

    of_visit = (user, F.col("day"), F.col("visit"))
    frame = visits_.withColumn("mission", leaf_for("mission", *of_visit))
    frame = frame.withColumn("look", F.explode(F.sequence(F.lit(0), F.col("looks") - 1)))
    keys = (*of_visit, F.col("look"))
    # A visit has a mission: most looks are of one kind, some of its neighbours, some of something else.
    where = chance.draw("where", *keys)
    neighbour = F.col("mission") - F.col("mission") % 3 + chance.whole(3, "neighbour", *keys)
    leaf = F.when(where < 0.7, F.col("mission")).when(where < 0.85, neighbour).otherwise(leaf_for("look", *keys))
    frame = frame.withColumns({"leaf": leaf, "tier": chance.spin(tiers, persona, "tier", *keys)})
    ranks = catalogue.ranks(plan.products)

    def rank(draw: Column) -> Column:
        """Zipf's law of exponent 1: the chance of a rank falls as 1 / (rank + 1)."""
        return F.least(F.floor(F.pow(F.lit(ranks + 1.0), draw)).cast("int"), F.lit(ranks)) - 1

    usual = rank(chance.draw("usual", user, F.col("leaf"), F.col("tier")))
    again = chance.happens(of(persona, "again"), "again", *keys)
    number = F.col("leaf") * ranks + F.when(again, usual).otherwise(rank(chance.draw("rank", *keys)))
    frame = frame.withColumn("number", number * len(catalogue.TIERS) + F.col("tier"))
    oops = F.when(chance.happens(0.5, "which outlier", *keys), 100.0).otherwise(0.01)
    slip = F.when(chance.happens(OUTLIER, "outlier", *keys), oops).otherwise(1.0)  # the decimal point in a wrong place
    cents = catalogue.price(chance, F.col("number"), F.col("leaf"), F.col("tier"))
    frame = frame.withColumn("cents", F.floor(cents * slip).cast("bigint"))

    person = ~F.col("bot")
    frame = frame.withColumn("in_cart", person & chance.happens(of(persona, "cart"), "cart", *keys))
    frame = frame.withColumn("bought", F.col("in_cart") & chance.happens(of(persona, "buy"), "buy", *keys))
    search = of(persona, "search") / F.when(F.col("look") == 0, 1.0).otherwise(4.0)
    back = F.col("bought") & F.col("returns") & chance.happens(RETURNED_LINES, "returned", *keys)
    done = {
        SEARCH: person & chance.happens(search, "search", *keys),
        VIEW: F.lit(True),
        REVIEW: person & chance.happens(SEEN_TWICE, "seen twice", *keys),
        FAVOURITE: person & chance.happens(of(persona, "favourite"), "favourite", *keys),
        CART: F.col("in_cart"),
        UNCART: F.col("in_cart") & ~F.col("bought") & chance.happens(REMOVED, "removed", *keys),
        PURCHASE: F.col("bought"),
        REFUND: back,
    }
    weightiest = F.when(F.col("bought"), PURCHASE).when(F.col("in_cart"), CART).otherwise(VIEW)
    frame = frame.withColumn("twice", F.when(chance.happens(REPEATED, "sent twice", *keys), weightiest + len(STEPS)))
    steps = [F.when(happened, step) for step, happened in done.items()]
    return frame.withColumn("steps", F.array_compact(F.array(*steps, "twice")))


def truth(spark: SparkSession, plan: Plan) -> DataFrame:
    """One row a user and persona: user_id, ds (the first day that it holds), persona; of a bot `bot`."""
    users = with_history(spark.range(plan.users).select(F.col("id").alias("user")), plan)
    names = [*[one.name for one in PERSONAS], "bot"]

    def phase(day: Column, persona: Column) -> Column:
        name = at(names, F.when(persona < 0, len(PERSONAS)).otherwise(persona))
        return F.struct(F.date_add(F.lit(plan.first), day).alias("ds"), name.alias("persona"))

    turns = F.col("turned").isNotNull() & (F.col("turned") < F.col("left"))
    early = F.when(~turns | (F.col("came") < F.col("turned")), phase(F.col("came"), F.col("before")))
    late = F.when(turns, phase(F.greatest("came", "turned"), F.col("after")))
    rows = users.select(user_id(F.col("user")).alias("user_id"), F.explode(F.array(early, late)).alias("phase"))
    return rows.where("phase IS NOT NULL").select("user_id", "phase.ds", "phase.persona")


_REGIONS = (
    "Guangdong",
    "Zhejiang",
    "Jiangsu",
    "Shanghai",
    "Beijing",
    "Sichuan",
    "Hubei",
    "Shandong",
    "Henan",
    "Fujian",
)


def users(spark: SparkSession, plan: Plan) -> DataFrame:
    """One row a user who has filled in a profile (9 of 10): user_id, gender, age_band, region, consent."""
    chance, user = Chance(plan.seed), F.col("user")
    people = with_history(spark.range(plan.users).select(F.col("id").alias("user")), plan).where("NOT bot")
    age = at(AGE_BANDS, chance.spin([list(one.ages) for one in PERSONAS], F.col("before"), "age", user))
    gender = chance.pick(("female", "male"), "gender", user)
    return people.where(chance.happens(0.9, "has a profile", user)).select(
        user_id(user).alias("user_id"),
        F.when(chance.happens(0.95, "says gender", user), gender).alias("gender"),
        age.alias("age_band"),
        chance.pick(_REGIONS, "region", user).alias("region"),
        chance.happens(0.72, "consents", user).alias("consent"),
    )  # fmt: skip
