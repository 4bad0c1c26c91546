"""Conditions in words, and a user's own numbers beside them."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from operator import add

from pyspark.sql import Column
from pyspark.sql import functions as F

from jobs.audiences.rule import conditions as c
from jobs.audiences.rule.facts import named
from jobs.audiences.rule.measures import USER_FIELDS, Measure, Where
from jobs.audiences.rule.parts import EVER, Comparison, Part, Span, Test, Window
from jobs.audiences.rule.truth import Questions, ends_of, segment_since, value_of
from jobs.audiences.rule.values import folded
from jobs.lake.engine import columns

_SIGNS = {">=": "at least", "<=": "at most", ">": "more than", "<": "less than", "=": "exactly"}


def number(value: Decimal) -> str:
    return f"{value.normalize():f}"


def compared(said: Comparison) -> str:
    if said.none:
        return "none"
    if said.between:
        return f"between {number(said.between[0])} and {number(said.between[1])}"
    return " and ".join(f"{_SIGNS[sign]} {number(value)}" for sign, value in said.bounds)


def span(said: Span) -> str:
    return f"{said.days} days" if said.days else f"{said.hours} hours"


def window(said: Window) -> str:
    if said.ever:
        return "ever"
    if said.current:
        return f"this {said.current}"
    if said.between:
        return f"from {said.between[0]} to {said.between[1]}"
    if said.after or said.before:
        parts = [f"after {said.after}" if said.after else "", f"before {said.before}" if said.before else ""]
        return " and ".join(filter(None, parts))
    unit = next(name for name in ("days", "weeks", "months") if getattr(said, f"last_{name}"))
    last = f"the last {getattr(said, f'last_{unit}')} {unit}"
    last = f"{last}, {said.skip} {unit} before" if said.skip else last
    if said.each:
        return f"in each of {last}"
    return f"in at least {said.at_least_in} of {last}" if said.at_least_in else f"in {last}"


def tested(where: Where) -> str:
    return ", ".join(f"{name} {_test(test)}" for name, test in where.items())


def _test(test: Test) -> str:
    parts = [f"is {' or '.join(map(str, test.is_))}" if test.is_ else "",
             f"is not {' or '.join(map(str, test.not_))}" if test.not_ else "",
             f"contains {' or '.join(test.contains)}" if test.contains else "",
             f"starts with {' or '.join(test.starts_with)}" if test.starts_with else "",
             compared(test) if test.bounds else "", f"lies {window(test.in_)}" if test.in_ else "",
             "" if test.known is None else "is known" if test.known else "is not known"]  # fmt: skip
    return " and ".join(filter(None, parts))


def events(types: tuple[str, ...], where: Where) -> str:
    return " or ".join(types) + (f" ({tested(where)})" if where else "")


def measured(said: Measure) -> str:
    how, what = said.how
    number = what if how == "count" else f"{how} of {what}"
    refunds = {"counted": "", "left_out": ", refunded ones left out", "net": ", less refunds"}[said.refunds]
    return f"{number} of {events(said.did, said.where)} {window(said.in_)}{refunds}"


def _when(said: Window) -> str:
    return "" if said == EVER else f" {window(said)}"


def leaf(said: Part) -> str:
    """A condition without others in it, in words."""
    if isinstance(said, c.Did):
        return f"{measured(said)}: {compared(said.held)}"
    if isinstance(said, c.First | c.Last):
        which, types = ends_of(said)
        was = f" was of {tested(said.was)}" if said.was else ""
        return f"the {which} {events(types, said.where)}{was}{_when(said.in_)}"
    if isinstance(said, c.Again):
        return f"{events(said.again, said.where)} again after {said.after_days} days or more{_when(said.in_)}"
    if isinstance(said, c.Regularly | c.Stopped):
        types = said.regularly if isinstance(said, c.Regularly) else said.stopped
        every = f" every {compared(said.every)} days" if said.every.bounds else ""
        text = f"{events(types, said.where)} on {said.times} days or more{every}{_when(said.in_)}"
        return f"{text}, and overdue by {number(said.overdue)} times" if isinstance(said, c.Stopped) else text
    if isinstance(said, c.Then):
        return _then(said)
    if isinstance(said, c.Compared):
        return f"{measured(said.compared)}: {compared(said)} times {measured(said.to)}"
    if isinstance(said, c.Share):
        return f"share of {measured(said.share)} in all of {events(said.share.did, said.of)}: {compared(said)}"
    if isinstance(said, c.Top):
        many = f"{number(said.percent)} %" if said.percent else f"{said.users} users"
        among = "" if said.among is None else f" of those with {rule(said.among)}"
        return f"top {many}{among} by {measured(said.top)}"
    if isinstance(said, c.Is):
        return tested(said.is_)
    if isinstance(said, c.Audience):
        return f"in audience {said.audience}" + (f", since a day{_when(said.since)}" if said.since != EVER else "")
    if isinstance(said, c.Segment):
        return f"in segment {said.segment}" + (f", since a day{_when(said.since)}" if said.since != EVER else "")
    if isinstance(said, c.Left):
        return f"left audience {said.left}{_when(said.in_)}"
    if isinstance(said, c.MovedFrom):
        return f"moved away from segment {said.moved_from}{_when(said.in_)}"
    if isinstance(said, c.Suggested):
        return f"is suggested {tested(said.suggested) or 'anything'} among the first {said.within_first}"
    raise TypeError(f"no words for {type(said).__name__}")


def _then(said: c.Then) -> str:
    steps = []
    for step in said.then:
        limit = f" within {span(step.within)}" if step.within else ""
        steps.append(f"{'no ' if step.not_ else ''}{events(step.types, step.where)}{limit}")
    same = f", the same {' and '.join(said.same)}" if said.same else ""
    return f"{', then '.join(steps)}{same}{f', all within {span(said.within)}' if said.within else ''}{_when(said.in_)}"


def rule(said: Part) -> str:
    """A whole rule on one line."""
    if isinstance(said, c.Not):
        return f"not ({rule(said.not_)})"
    if parts := c.children(said):
        word = "and" if isinstance(said, c.AllOf) else "or"
        return f" {word} ".join(f"({rule(part)})" for part in parts)
    return leaf(said)


def leaves(said: Part) -> Iterator[Part]:
    """The conditions without others in them, each once."""
    parts = c.children(said)
    found = {named("leaf", one): one for part in parts for one in leaves(part)} if parts else {"": said}
    yield from found.values()


def own(said: Part, q: Questions) -> Column:
    """A user's own numbers of a leaf as a text."""
    if isinstance(said, c.Did) and said.in_.needed is not None:
        held = [q.asked.number(said, period).held(said.held).cast("int") for period in said.in_.periods(q.ds)]
        return F.concat(folded(add, held).cast("string"), F.lit(f" of {len(held)}"))
    if isinstance(said, c.Did):
        return _dated(_text(q.number(said).value), q.asked.pick(said.did, said.where), q)
    if isinstance(said, c.First | c.Last):
        which, types = ends_of(said)
        return F.coalesce(q.asked.edge("ds", q.asked.pick(types, said.where), which).cast("string"), F.lit("never"))
    if isinstance(said, c.Again):
        returns = q.asked.returned(q.asked.pick(said.again, said.where), said.in_.days(q.ds), said.after_days)
        return F.concat(returns.cast("string"), F.lit(" times"))
    if isinstance(said, c.Regularly | c.Stopped):
        types = said.regularly if isinstance(said, c.Regularly) else said.stopped
        days, middle, last = q.asked.habit(q.asked.pick(types, said.where), said.in_.days(q.ds))
        return F.concat_ws("", days.cast("string"), F.lit(" days"), F.concat(F.lit(", every "), middle.cast("string")),
                           F.concat(F.lit(", the last on "), last.cast("string")))  # fmt: skip
    if isinstance(said, c.Then):
        return F.concat(q.asked.then(said).cast("string"), F.lit(" times"))
    if isinstance(said, c.Compared):
        return F.concat_ws(" against ", _text(q.number(said.compared).value), _text(q.number(said.to).value))
    if isinstance(said, c.Share):
        return F.concat_ws(" of ", _text(q.number(said.share).value), _text(q.number(said.whole).value))
    if isinstance(said, c.Top):
        return F.concat_ws(", from ", _text(q.number(said.top).value), _text(F.col(named("top", said))))
    if isinstance(said, c.Is):
        return F.concat_ws(", ", *[_text(value_of(name, q), USER_FIELDS.get(name, "text")) for name in said.is_])
    if isinstance(said, c.Segment):
        since = [] if said.since == EVER else [F.lit(" since "), segment_since(q).cast("string")]
        return F.concat(F.coalesce("segment_name", F.lit("none")), *since)
    return F.lit("")


def _dated(value: Column, pick: str, q: Questions) -> Column:
    """The value, and the day of the last event that it could count."""
    last = q.asked.edge("ds", pick, "last").cast("string")
    return F.concat_ws("", value, F.concat(F.lit(" (the last on "), last, F.lit(")")))


def _text(value: Column, kind: str = "number") -> Column:
    if kind == "texts":
        return F.concat(F.lit("["), F.array_join(value, ", "), F.lit("]"))
    if kind != "number":
        return F.coalesce(value.cast("string"), F.lit("unknown"))
    exact = columns.near(value.cast("double"), 4).cast("decimal(24,4)").cast("string")
    return F.coalesce(F.rtrim(F.rtrim(exact, F.lit("0")), F.lit(".")), F.lit("nothing"))
