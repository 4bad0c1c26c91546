"""What of a user is counted: his events of some types, narrowed by their fields, in a window."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from jobs.audiences.rule.parts import EVER, Part, Test, Window, checked
from jobs.conf import nearest
from jobs.lake.kinds import kind_of
from jobs.tables import EVENT_TYPES, USER_FEATURES, USER_PROFILES

# What an event can be narrowed by, and its kind; beside them attributes.KEY (the event's) and product_attributes.KEY.
EVENT_FIELDS = {
    "product": "text", "category": "texts", "department": "text", "brand": "text", "title": "text", "price": "number",
    "quantity": "number", "amount": "number", "discount": "number", "hour": "number", "weekday": "number",
    "query": "text", "device": "text", "source": "text",
}  # fmt: skip
MAPS = ("attributes", "product_attributes")
_RANGES = {"hour": (range(24), "0 to 23"), "weekday": (range(1, 8), "1 (Monday) to 7 (Sunday)")}
_KINDS = {
    column.name: found[0] for table in (USER_FEATURES, USER_PROFILES) for column in table.columns
    if (found := kind_of(column.type)) and found[0] != "map"
}  # fmt: skip
USER_FIELDS = {name: kind for name, kind in _KINDS.items() if name not in ("user_id", "ds", "run_id", "model_version")}


def _held(where: dict[str, Test], fields: dict[str, str], maps: tuple[str, ...]) -> dict[str, Test]:
    for name, test in where.items():
        if name.split(".", 1)[0] in maps and name.partition(".")[2]:
            checked(name, "free", test)
        elif name in fields:
            if name in _RANGES and fields is EVENT_FIELDS:
                _in_range(name, test)
            checked(name, fields[name], test)
        else:
            known = [*fields, *(f"{one}.KEY" for one in maps)]
            raise ValueError(f"expected a known field, found {name!r}{nearest(name, known, 'there are')}")
    return where


def _in_range(name: str, test: Test) -> None:
    there_are, said = _RANGES[name]
    for value in (*test.is_, *test.not_, *(test.between or ())):
        if value not in there_are:
            raise ValueError(f"{name}: expected {said}, found {repr(value) if isinstance(value, str) else value}")


def _some(where: dict[str, Test]) -> dict[str, Test]:
    if not where:
        raise ValueError("expected a column and its value, found none")
    return where


Where = Annotated[dict[str, Test], AfterValidator(lambda where: _held(where, EVENT_FIELDS, MAPS))]
Columns = Annotated[
    dict[str, Test], AfterValidator(_some), AfterValidator(lambda where: _held(where, USER_FIELDS, ("attributes",)))
]


ANY: dict[str, Test] = {}  # of events that are not narrowed


def _types(said: Any) -> Any:
    listed = (said,) if isinstance(said, str) else said
    for kind in listed if isinstance(listed, list | tuple) else ():
        if kind not in EVENT_TYPES:
            raise ValueError(f"expected a type of event, found {kind!r}{nearest(str(kind), EVENT_TYPES, 'there are')}")
    return listed


Types = Annotated[
    tuple[Literal["view", "click", "search", "favourite", "cart", "uncart", "purchase", "refund"], ...],
    BeforeValidator(_types), Field(min_length=1),
]  # fmt: skip
Refunds = Literal["counted", "left_out", "net"]
Money = Literal["amount", "discount", "price", "quantity"]


class Measure(Part):
    """A number of a user: of his events of some types, narrowed, in a window. By default it counts events.

    refunds: whether purchases that were given back by ds count (counted), do not (left_out), or less what came back
    (net).
    """

    did: Types
    where: Where = ANY
    count: Literal["events", "orders", "days", "products", "categories", "pieces"] | None = None
    sum: Money | None = None
    average: Money | None = None
    smallest: Money | None = None
    largest: Money | None = None
    in_: Window = Field(EVER, alias="in")
    refunds: Refunds = "counted"

    @model_validator(mode="after")
    def _one_measure(self) -> Measure:
        given = [name for name in ("count", "sum", "average", "smallest", "largest") if getattr(self, name)]
        if len(given) > 1:
            raise ValueError(f"expected one of count, sum, average, smallest, largest; found {', '.join(given)}")
        return self

    @property
    def how(self) -> tuple[str, str]:
        """(count, what) or (sum, average, smallest, largest; which field)."""
        for name in ("sum", "average", "smallest", "largest"):
            if field := getattr(self, name):
                return name, field
        return "count", self.count or "events"

    @property
    def measure(self) -> Measure:
        """The number alone, less what it is held against."""
        said = {name: getattr(self, name) for name in Measure.model_fields if name in self.model_fields_set}
        return Measure.model_construct(self.model_fields_set & set(said), **said)
