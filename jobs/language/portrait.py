"""A segment in three sentences made of its facts: who they are, what sets them apart, what they will do and what to do.

What matters most of a segment decides which sentences are chosen; the texts stand in conf/languages. Of several texts a
segment always has the same one, so that a portrait changes where its facts do.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from jobs.language import catalogue
from jobs.language.catalogue import Catalogue, large, step
from jobs.language.facts import Fact
from jobs.language.labels import Labels
from jobs.language.restricted import restricted

STRONG = 0.35  # standard deviations of users from which on a habit sets a segment apart
HABITS = (
    "discount_share_365d", "basket_value_365d", "price_index_365d", "evening_share_365d", "morning_share_365d",
    "night_share_365d", "weekend_share_365d", "cart_abandonment_28d", "views_28d", "trend_28d", "category_entropy_365d",
    "monetary_90d", "frequency_28d",
)  # fmt: skip
MONEY = ("monetary_90d", "basket_value_365d")
BOUGHT = ("discount_share_365d", "basket_value_365d", "price_index_365d", "monetary_90d", "frequency_28d", "trend_28d",
          "category_entropy_365d")  # fmt: skip
SHARED = ("trend_28d", "category_entropy_365d", "price_index_365d")  # told last: their words bear no number
BEST, LIGHT, KNOWN_BY, CLEAR = 1.6, 0.6, 2.0, 1.3  # share of money over share of users; lift of a taste
OFFERED = 3  # of the clearest tastes an offer is made; what comes after marks the segment too little
NEW, YOUNG = 60, 0.75  # days known, on average; of what everybody is known for
LOOKING = 0.05  # share of money over share of users below which a segment buys nothing


class Portrait:
    """The facts of one segment, ready to be told in any language. number: which of several texts it has; named: the
    parts of its name (gold.segments.name_parts).
    """

    def __init__(self, facts: Iterable[Fact], z: dict[str, float], number: int, named: Iterable[str] = ()) -> None:
        self.facts = {fact.id: fact for fact in facts}
        self.z, self.number = z, number
        self.named = {key.partition(":")[0] for key in named}
        self.tastes = [f for f in self.facts.values() if f.kind == "taste" and f.sure() and f.times >= CLEAR]
        self.offered = [f for f in self.tastes[:OFFERED] if not restricted(f.label, f.label_zh)]

    def value(self, name: str, otherwise: float = 0.0) -> float:
        return self.facts[name].value if name in self.facts else otherwise

    @property
    def weight(self) -> float:
        """Share of the money over share of the users."""
        return self.facts["spend_share"].times if "spend_share" in self.facts else 1.0

    @property
    def returns(self) -> float | None:
        return self.facts["purchase_28d"].value if "purchase_28d" in self.facts else None

    @property
    def looking(self) -> bool:
        return self.weight < LOOKING and self.z.get("recency_days", 0) <= 1

    @property
    def new(self) -> bool:
        fact = self.facts.get("tenure_days")
        return fact is not None and fact.value <= NEW and fact.times <= YOUNG and fact.sure()

    def who(self) -> str:
        """What the segment is above all."""
        if self.looking:
            return "looking"
        if (self.returns is not None and self.returns < 0.5) or self.z.get("recency_days", 0) > 1:
            return "leaving"
        if self.new:
            return "new"
        if self.weight >= BEST and not (self.tastes and self.tastes[0].times >= 2 * KNOWN_BY):
            return "best"
        if self.tastes and self.tastes[0].times >= KNOWN_BY:
            return "taste"
        return "light" if self.weight <= LIGHT else "plain"

    def habits(self, told: str) -> list[str]:
        """Keys of the habits that set it apart: those that its name says, then the strongest first; what `told` already
        says is left out.
        """
        known = {"best": {"monetary_90d", "frequency_28d"}, "light": {"monetary_90d", "frequency_28d"},
                 "taste": {"frequency_28d"}, "plain": {"frequency_28d"}, "leaving": {"frequency_28d", "monetary_90d"},
                 "new": {"tenure_days"}, "looking": {*BOUGHT}}[told]  # fmt: skip
        strong = [h for h in HABITS if h in self.facts and h not in known and self.facts[h].sure()
                  and (h in self.named or abs(self.z.get(h, 0)) >= STRONG)]  # fmt: skip
        return sorted(strong, key=lambda h: (h not in self.named, h in SHARED, -abs(self.z[h]), h))

    def outlook(self) -> str:
        if self.returns is None:
            return "unknown"
        return next(
            name for least, name in ((0.9, "safe"), (0.65, "likely"), (0.35, "unsure"), (-1, "gone"))
            if self.returns >= least
        )  # fmt: skip

    def action(self) -> str:
        def marks(habit: str, sign: int) -> bool:
            fact, z = self.facts.get(habit), sign * self.z.get(habit, 0)
            return fact is not None and fact.sure() and (z >= STRONG or (habit in self.named and z > 0))

        if self.looking:
            return "first_order"
        if self.returns is not None and self.returns < 0.5:
            return "win_back_valuable" if self.weight >= LIGHT else "win_back_cheap"
        if self.new:
            return "second_order"
        rules = (
            ("stop_fading", marks("trend_28d", -1)),
            ("coupon", marks("discount_share_365d", 1)),
            ("thank", self.weight >= BEST),
            ("no_coupon", marks("discount_share_365d", -1)),
            ("sooner", self.weight <= LIGHT),
            ("raise_basket", marks("basket_value_365d", -1)),
            ("hold_growth", marks("trend_28d", 1)),
        )
        return next((name for name, holds in rules if holds), "offer")

    @classmethod
    def of_row(cls, segment: Mapping, labels: Labels | None = None) -> Portrait:
        """Of a row of gold.segments. labels: what categories are called in further languages."""
        names = [name for name in Fact.__dataclass_fields__ if name not in ("text", "labels")]
        facts = [
            Fact(**{name: fact[name] for name in names}, labels=labels.of_english(fact["label"]) if labels else {})
            for fact in segment["facts"]
        ]
        parts = segment.get("name_parts")
        z = {trait["feature"]: trait["z"] for trait in segment["traits"]}
        return cls(facts, z, segment["segment_id"], () if parts is None else parts)

    def text(self, language: str) -> str:
        """The three sentences in a language, as one text."""
        text = ""
        for sentence in self.sentences(language):
            text += ("" if not text or text[-1] in "。！？" else " ") + sentence
        return text

    def sentences(self, language: str) -> list[str]:
        """Who they are, what sets them apart, what they will do and what to do about it."""
        words, told = catalogue.words(language), self.who()
        slots = self._slots(words, language)
        if told == "leaving" and not self.tastes:
            variants = [text for text in words.who[told] if "{tastes}" not in text]
        else:
            variants = words.who[told]
        offered = words.listed([fact.called(language) for fact in self.offered[:2]])
        return [self._one(variants).format(**slots), self._apart(told, words, slots),
                self._will(words, slots | {"tastes": offered})]  # fmt: skip

    def _one(self, variants: Sequence[str], more: int = 0) -> str:
        return variants[(self.number + more) % len(variants)]

    def _slots(self, words: Catalogue, language: str) -> dict[str, str]:
        labels = [fact.called(language) for fact in self.tastes]
        chance = step(words.chance, self.returns) if self.returns is not None else ""
        return {
            "size": words.whole(self.value("size")), "share": words.percent(self.value("share")),
            "spend_share": words.percent(self.value("spend_share")), "chance": large(chance), "chance_low": chance,
            "rhythm": step(words.rhythm, self.value("frequency_28d")),
            "recency": words.whole(self.value("recency_days")),
            "tenure": words.whole(self.value("tenure_days")), "tastes": words.listed(labels[:2]),
            "taste": labels[0] if labels else "", "second": labels[1] if len(labels) > 1 else "",
            "expected": words.amount(self.value("expected_28d")),
            "lift": words.much(self.tastes[0].times) if self.tastes else "",
        }  # fmt: skip

    def _apart(self, told: str, words: Catalogue, slots: dict[str, str]) -> str:
        clauses = []
        if self.tastes:
            number = "two" if len(self.tastes) > 1 and told != "taste" else "one"
            clauses.append(self._one(words.apart["taste"][number]).format(**slots))
        for habit in self.habits(told):
            fact, side = self.facts[habit], "high" if self.z[habit] > 0 else "low"
            if texts := words.apart.get(habit, {}).get(side):
                value, base = fact.value, fact.comparison or 0.0
                shown = (words.amount(value), words.amount(base))
                shown = words.against(value, base) if fact.unit == "share" else shown
                filled = slots | dict(zip(("value", "base"), shown, strict=True))
                clauses.append(self._one(texts).format(**filled))
        clauses = (clauses or words.apart_nothing)[:2]
        if len(clauses) == 1:
            return large(clauses[0]) + words.stop
        return large(self._one(words.apart_joined).format(first=clauses[0], second=clauses[1]))

    def _will(self, words: Catalogue, slots: dict[str, str]) -> str:
        action = self.action() if self.offered else f"{self.action()}_bare"
        advice = self._one(words.action[action], self.number // 3).format(**slots)
        return large(self._one(words.will[self.outlook()], self.number // 2).format(action=advice, **slots))
