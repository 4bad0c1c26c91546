"""Which stage, tag, segment, audience or taste does a user have?"""

from __future__ import annotations

import re
from typing import Any

from jobs.audiences.ask.phrases.lengths import days_of
from jobs.audiences.ask.phrases.pattern import Made, Match, Rules, into, is_
from jobs.audiences.ask.phrases.quantities import compared
from jobs.audiences.rule.measures import USER_FIELDS

RULES: Rules = []
rule = into(RULES)


@rule("STAGEWORD WAS? IS OR|COMMA IS OR|COMMA IS", "STAGEWORD WAS? IS OR|COMMA IS", "IS OR IS STAGEWORD",
      "STAGEWORD WAS? IS STAGEWORD?", "IS STAGEWORD")  # fmt: skip
def _stage(m: Match) -> Made:
    listed = [[one for one in found if "lifecycle_stage" in one] for found in m.all("IS")]
    if any(len(stages) != 1 for stages in listed):
        return None
    stages = [one["lifecycle_stage"] for (one,) in listed]
    return is_("lifecycle_stage", stages if len(stages) > 1 else stages[0])


@rule("BELONG? HOLDOUT")
def _held_out(_: Match) -> Made:
    return is_("global_holdout", True)


@rule("FIELDNAME Q|QPCT", "FIELDNAME CMP? NUM CMPPOST?")
def _field(m: Match) -> Made:
    """A column by its own name: purchase_7d over 0.6."""
    name = m.get("FIELDNAME")
    if USER_FIELDS[name] != "number":
        return None
    if m.has("QPCT"):
        return is_(
            name, {how: [v / 100 for v in n] if isinstance(n, list) else n / 100 for how, n in m.get("QPCT").items()}
        )
    held = m.get("Q")[1] if m.has("Q") else compared(m, "NUM")
    return is_(name, held) if held else None


@rule("FORMERLY IS")
def _stage_before(m: Match) -> Made:
    """Used to be loyal: in the stage before this one."""
    stages = [one["lifecycle_stage"] for one in m.get("IS") if "lifecycle_stage" in one]
    return is_("previous_lifecycle_stage", stages[0]) if len(stages) == 1 else None


@rule("TAGWORD IS|QUOTED", "IS TAGWORD")
def _tag(m: Match) -> Made:
    tags = [one for one in m.get("IS") or () if "tags" in one]
    return {"USER": {"is": tags[0]}} if len(tags) == 1 else None


@rule("IS OR|COMMA|AND IS OR|COMMA|AND IS OR|COMMA|AND IS", "IS OR|COMMA|AND IS OR|COMMA|AND IS", "IS OR|AND|COMMA IS")
def _one_of(m: Match) -> Made:
    """Values of one column, of which a user has one: any of them, whatever stands between."""
    tokens_ = [token for kind, token in m.found if kind == "IS"]
    found = [token["IS"] for token in tokens_]
    if any(len(one) != 1 or token.may("PEOPLE", "OBJ", "USER") for one, token in zip(found, tokens_, strict=True)):
        return None
    if m.has("AND") and re.search("且|同时|并", m.said("AND")):
        return None  # each of them, which nobody is
    columns = {column for (one,) in found for column in one}
    if len(columns) != 1 or columns & {"tags"}:
        return None
    (column,) = columns
    return {"IS": ({column: [value for (one,) in found for value in _listed(one[column])]},)}


@rule("NARROW OR|COMMA|AND NARROW")
def _one_of_channels(m: Match) -> Made:
    first, second = m.all("NARROW")
    if first.keys() != second.keys() or any(token.may("OBJ", "EVENT") for kind, token in m.found if kind == "NARROW"):
        return None
    return {"NARROW": {key: [*_listed(value), second[key]] for key, value in first.items()}}


def _listed(value: Any) -> list:
    return value if isinstance(value, list) else [value]


def _days(m: Match) -> Any:
    """The days in which somebody came in or left."""
    days = days_of(m.get("WITHINSPAN")) if m.has("WITHINSPAN") else None
    return {"last_days": days} if days else m.get("WINDOW")


@rule(
    "WINDOW|WITHINSPAN LEFT AUDIENCEWORD? AUDIENCE AUDIENCEWORD?", "LEFT AUDIENCEWORD? AUDIENCE AUDIENCEWORD? WINDOW?"
)
def _left(m: Match) -> Made:
    window = _days(m)
    return {"USER": {"left": m.get("AUDIENCE")} | ({"in": window} if window else {})}


@rule(
    "WINDOW|WITHINSPAN ENTERED AUDIENCEWORD? AUDIENCE AUDIENCEWORD?",
    "ENTERED AUDIENCEWORD? AUDIENCE AUDIENCEWORD? WINDOW?",
)
def _entered(m: Match) -> Made:
    window = _days(m)
    return {"USER": {"audience": m.get("AUDIENCE")} | ({"since": window} if window else {})}


@rule(
    "WINDOW|WITHINSPAN ENTERED SEGMENTWORD? SEGMENT SEGMENTWORD?", "ENTERED SEGMENTWORD? SEGMENT SEGMENTWORD? WINDOW?"
)
def _entered_segment(m: Match) -> Made:
    window = _days(m)
    return {"USER": {"segment": m.get("SEGMENT")} | ({"since": window} if window else {})}


@rule("STAGEWORD? MOVED|SINCE IS TO|BECAME IS STAGEWORD?")
def _changed_stage(m: Match) -> Made:
    """从沉睡变成活跃: as of this night, and the one before."""
    stages = [[one["lifecycle_stage"] for one in found if "lifecycle_stage" in one] for found in m.all("IS")]
    if any(len(found) != 1 for found in stages):
        return None
    (before,), (now,) = stages
    return {"USER": {"is": {"previous_lifecycle_stage": before, "lifecycle_stage": now}}}


@rule("WINDOW|WITHINSPAN? MOVED SEGMENTWORD? SEGMENT SEGMENTWORD? AMONGEND? LEFT",
      "MOVED SEGMENTWORD? SEGMENT SEGMENTWORD? WINDOW?",
      "WINDOW|WITHINSPAN? LEFT SEGMENTWORD? SEGMENT SEGMENTWORD? WINDOW?")  # fmt: skip
def _moved(m: Match) -> Made:
    window = _days(m)
    return {"USER": {"moved_from": m.get("SEGMENT")} | ({"in": window} if window else {})}


@rule("BELONG? SEGMENTWORD SEGMENT OR|COMMA SEGMENT", "BELONG? SEGMENT OR SEGMENT SEGMENTWORD")
def _in_one_of_segments(m: Match) -> Made:
    return is_("segment_name", m.all("SEGMENT"))


@rule("SEGMENTWORD WAS? SEGMENT", "BELONG? SEGMENT SEGMENTWORD", "BELONG SEGMENT", "SEGMENT AMONGEND")
def _in_segment(m: Match) -> Made:
    only = m.found[0][1].kinds.keys() <= {"SEGMENT"}
    return is_("segment_name", m.get("SEGMENT")) if only or len(m.found) > 1 else None


@rule("SEGMENTWORD NUM")
def _in_segment_number(m: Match) -> Made:
    return is_("segment_id", int(m.get("NUM")))


@rule("BELONG? AUDIENCEWORD AUDIENCE AUDIENCEWORD?", "BELONG? AUDIENCE AUDIENCEWORD", "BELONG AUDIENCE")
def _in_audience(m: Match) -> Made:
    return {"USER": {"audience": m.get("AUDIENCE")}}


@rule("NEG AUDIENCE")
def _not_in_audience(m: Match) -> Made:
    return {"USER": {"not": {"audience": m.get("AUDIENCE")}}} if m.said("NEG") in ("不在", "不属于", "非") else None


@rule("AUDIENCE")
def _left_out(m: Match) -> Made:
    """By its name alone, behind "leave out", or in quotes."""
    fits = (m.before and "EXCEPT" in m.before) or "QUOTED" in m.found[0][1]
    other = m.found[0][1].may("OBJ", "IS", "SEGMENT")
    return {"USER": {"audience": m.get("AUDIENCE")}} if fits and not other else None


@rule("SUGGESTED OBJ", "OBJ SUGGESTED")
def _suggested(m: Match) -> Made:
    things = m.get("OBJ")
    return {"USER": {"suggested": things[0]}} if len(things) == 1 else None


@rule("TASTE WAS? OBJ")
def _taste(m: Match) -> Made:
    things = m.get("OBJ")
    return is_("top_categories", things[0]["category"]) if len(things) == 1 and set(things[0]) == {"category"} else None
