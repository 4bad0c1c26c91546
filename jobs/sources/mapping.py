"""Which of our columns a mapping may fill, and from what: the `fields` of a feed."""

from __future__ import annotations

import re
from zoneinfo import ZoneInfo, available_timezones

from pydantic import Field, field_validator, model_validator

from jobs.conf import Strict, nearest

# Our columns that a mapping of events may fill, with what they are read as.
EVENT_FIELDS: dict[str, str] = {
    "user_id": "text", "event_time": "time", "event_type": "text", "product_id": "text", "quantity": "count",
    "price": "money", "amount": "money", "discount": "money", "session_id": "text", "query": "text",
    "user_agent": "text",
}  # fmt: skip
CONSENTS = ("marketing_consent", "profiling_consent", "training_consent")
USER_FIELDS = ("age_band", "gender", "region", "occupation", "income_band", *CONSENTS)
PRODUCT_FIELDS = ("title", "category_path", "brand")


class FieldSpec(Strict):
    """Where one of our columns comes from: exactly one of `column`, `constant`, `sum`, `path`.

    `column` one of the source's columns; `constant` the same text for every record; `sum` the sum of number columns
    (absent ones count 0); `path` a list of columns from root to leaf. `map` translates codes after reading.
    `split` cuts the text of a category path's one `column`.
    `format` is a Spark date pattern, or epoch_s, epoch_ms, epoch_us; none = ISO 8601. `zone` is the zone of times
    that carry none. `optional`: a file may lack the columns, and then says nothing of them.
    """

    column: str | None = None
    constant: str | None = None
    sum: tuple[str, ...] | None = None
    path: tuple[str, ...] | None = None
    map: dict[str, str] | None = None
    split: str | None = Field(default=None, min_length=1)
    format: str | None = None
    zone: str = "UTC"
    optional: bool = False

    @model_validator(mode="after")
    def _one_origin(self) -> FieldSpec:
        given = [name for name in ("column", "constant", "sum", "path") if getattr(self, name) is not None]
        if len(given) != 1:
            raise ValueError(f"expected exactly one of column, constant, sum, path; found {given or 'none'}")
        if self.split and not self.column:
            raise ValueError("split cuts the text of one column: expected column beside it")
        return self

    @field_validator("format")
    @classmethod
    def _known_letters(cls, pattern: str | None) -> str | None:
        if set(re.sub("'[^']*'", "", pattern or "")) & set("zO"):
            raise ValueError(f"{pattern}: not every engine knows zones by z or O; XXX reads +08:00, VV Asia/Shanghai")
        return pattern

    @field_validator("zone")
    @classmethod
    def _known_zone(cls, zone: str) -> str:
        return check_zone(zone)

    @property
    def columns(self) -> tuple[str, ...]:
        """The source's columns that this field reads."""
        return (self.column,) if self.column else (self.sum or self.path or ())


def check_zone(zone: str) -> str:
    """The name of a time zone; ValueError where there is none of this name."""
    if zone not in available_timezones():
        raise ValueError(f"no time zone {zone!r}{nearest(zone, available_timezones())}")
    return str(ZoneInfo(zone))
