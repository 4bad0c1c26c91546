"""Which hours of the day, and which days of the week?"""

from __future__ import annotations

from datetime import timedelta

from jobs.audiences.ask.phrases.pattern import Made, Match, Rules, into, is_

RULES: Rules = []
rule = into(RULES)


@rule(
    "BETWEEN|SINCE? HOURS|AMPM NUM CLOCK TO|AND HOURS|AMPM? NUM CLOCK INBETWEEN?",
    "BETWEEN|SINCE? HOURS|AMPM? NUM|CLOCKWORD AMPM|CLOCK? TO|AND CLOCKWORD INBETWEEN?",
    "CLOCKWORD NUM CLOCK TO HOURS? NUM CLOCK",
    "BETWEEN|SINCE? CLOCKWORD TO|AND NUM AMPM|CLOCK INBETWEEN?",
    "BETWEEN|SINCE? TIME TO|AND TIME INBETWEEN|SINCE?",
    "BETWEEN|SINCE? NUM AMPM TO NUM AMPM",
    "BETWEEN|SINCE? NUM TO NUM AMPM",
    "BETWEEN NUM AND|TO NUM AMPM",
    "NUM CLOCK? TO NUM CLOCK INBETWEEN?",
    "BETWEEN NUM AMPM? AND NUM AMPM",
    "BETWEEN NUM AND NUM CLOCK",
)
def _hours(m: Match) -> Made:
    if m.has("AND") and not m.has("BETWEEN", "INBETWEEN"):
        return None
    ends: list[int] = []
    part = None  # of the day, which holds for the second hour too where it says none
    halves = m.all("AMPM")
    for kind, token in m.found:
        if kind == "HOURS" or (kind == "AMPM" and not ends and not token.said.isascii()):
            part = token[kind]
        elif kind in ("NUM", "CLOCKWORD", "TIME"):
            ends.append(int(token[kind]))
            if kind == "NUM" and part in ("evening", "afternoon", "pm") and ends[-1] <= 12:
                ends[-1] = 24 if ends[-1] == 12 and (part != "afternoon" or len(ends) > 1) else ends[-1] % 12 + 12
    first, last = ends[-2:]
    if halves and not part:
        low, high = (halves[0], halves[-1]) if len(halves) == 2 or m.has("CLOCKWORD") else (halves[-1], halves[-1])
        kinds = [kind for kind, _ in m.found if kind in ("NUM", "CLOCKWORD", "TIME")]
        first, last = (
            n if kind == "CLOCKWORD" else n % 12 + (12 if half == "pm" else 0)
            for n, half, kind in ((first, low, kinds[0]), (last, high, kinds[1]))
        )
    if m.has("CLOCKWORD") and first == 12 and last < 12 and not halves and part is None:
        last += 12  # 中午12点到2点
    if not (0 <= first <= 24 and 0 <= last <= 24) or first == last:
        return None
    first %= 24
    return {"HOURLIST": [hour % 24 for hour in range(first, last if last > first else last + 24)]}


@rule(
    "HOURS|AMPM? AFTERDATE|AFTER|ONWARDS NUM|TIME AMPM|CLOCK",
    "AFTERDATE|AFTER|SINCE TIME",
    "HOURS|AMPM? NUM AMPM|CLOCK AFTERDATE|ONWARDS",
    "TIME AFTERDATE|ONWARDS",
    "HOURS|AMPM? BEFOREDATE NUM AMPM|CLOCK HOURS?",
    "AFTERDATE NUM AMPM|CLOCK? HOURS",
    "BEFOREDATE NUM AMPM|CLOCK? HOURS",
    "BEFOREDATE TIME|CLOCKWORD",
    "TIME|CLOCKWORD BEFOREDATE|AGO",
    "HOURS|AMPM? NUM AMPM|CLOCK BEFOREDATE|AGO",
)
def _after_hour(m: Match) -> Made:
    hour = int(m.get("NUM", "TIME", "CLOCKWORD"))
    if m.has("NUM") and (m.get("AMPM") == "pm" or m.get("HOURS") in ("evening", "afternoon")):
        hour = hour % 12 + 12
    if m.has("NUM") and m.get("HOURS") == "night" and 6 <= hour < 12:
        hour += 12  # 夜里八点
    if not 0 < hour < 24:
        return None
    return {"HOURLIST": {"less_than": hour} if m.has("BEFOREDATE", "AGO") else {"at_least": hour}}


@rule("MOSTACTIVE HOURS", "HOURS MOSTACTIVE", "HOURS PEOPLE")
def _most_active(m: Match) -> Made:
    if m.get("HOURS") == "early":
        return None
    return is_("active_hours", m.get("HOURS")) if m.get("PEOPLE") is None or m.said("PEOPLE") == "活跃" else None


@rule("HOURS")
def _part_of_day(m: Match) -> Made:
    parts = {"morning": range(5, 12), "afternoon": range(12, 18), "evening": range(18, 23), "night": (23, *range(5)),
             "early": range(5)}  # fmt: skip
    return {"HOURLIST": sorted(parts[m.get("HOURS")])}


@rule("THEPAST|LAST WEEKDAYS", "CAL WEEKDAYS")
def _last_weekday(m: Match) -> Made:
    """Last Monday: of this week, or of the one before?"""
    one = " " not in m.get("WEEKDAYS")
    return {"UNSAID": True} if one and (m.has("CAL") or m.found[0][1].said in ("last", "the last")) else None


@rule("WEEKDAYS")
def _since_a_weekday(m: Match) -> Made:
    """Since Monday: the last one."""
    said = m.get("WEEKDAYS")
    if " " in said or not (m.before and "SINCE" in m.before and m.before.said == "since"):
        return None
    ago = (m.ds.isoweekday() - int(said)) % 7
    return {"DATE": m.ds - timedelta(days=ago)} if ago else None


@rule("WEEKDAYS OR WEEKDAYS", "WEEKDAYS AND WEEKDAYS", "WEEKDAYS")
def _weekdays(m: Match) -> Made:
    return {"WEEKDAYLIST": sorted({int(n) for said in m.all("WEEKDAYS") for n in said.split()})}
