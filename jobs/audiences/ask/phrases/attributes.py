"""Which ages, incomes, children and other groups of the attributes of a user?"""

from __future__ import annotations

from jobs.audiences.ask.phrases.pattern import Made, Match, Rules, into, is_
from jobs.audiences.ask.phrases.quantities import compared

RULES: Rules = []
rule = into(RULES)


@rule(
    "AGE? BETWEEN? NUM AGE TO|AND NUM AGE INBETWEEN?",
    "BETWEEN AGE NUM AND|TO NUM",
    "AGE CMP? NUM TO|AND NUM AGE?",
    "BETWEEN? NUM TO|AND NUM AGE CMPPOST? INBETWEEN?",
    "AGE BETWEEN NUM AND NUM",
    "CMP? NUM CMPPOST? AGE CMPPOST?",
    "AGE CMP? NUM CMPPOST?",
    "OLDER NUM",
    "AGE CMP? NUM TO NUM",
)
def _aged(m: Match) -> Made:
    if m.has("AND") and not m.has("BETWEEN", "INBETWEEN", "AGE"):
        return None
    if m.has("OLDER"):
        return {"BAND": ("age_band", {m.get("OLDER"): m.get("NUM")})}
    if len([1 for kind, _ in m.found if kind in ("CMP", "CMPPOST")]) == 2:
        return None
    held = compared(m, "NUM")
    if held and not m.has("CMP", "CMPPOST", "TO", "AND"):
        held = {"exactly": held["at_least"]}
    return {"BAND": ("age_band", held)} if held else None


@rule("HOUSEHOLD BELONG|WAS? CMP? NUM TO|OR NUM", "HOUSEHOLD BELONG|WAS? CMP? NUM CMPPOST?",
      "NUM HOUSEHOLD CMPPOST?", "NUM CMPPOST HOUSEHOLD",
      "CMP NUM HOUSEHOLD")  # fmt: skip
def _household(m: Match) -> Made:
    before = m.found[0][0] == "HOUSEHOLD"
    if before != m.said("HOUSEHOLD").endswith((" of", " with", "人口", "人口数", "人数", "规模", "成员")) or (
        m.after and m.after.may("KIDS", "ORDERS", "UNIT")
    ):
        return None
    held = compared(m, "NUM")
    if held and "at_least" in held and not m.has("CMP", "CMPPOST"):
        held = {"exactly": held["at_least"]}
    return {"BAND": ("household", held)} if held else None


@rule(
    "NEG KIDS",
    "NUM OR|TO NUM KIDS",
    "ONLY NUM KIDS",
    "CMP? NUM KIDS",
    "NUM CMPPOST KIDS",
    "CMP? Q KIDS",
    "NUM KIDS CMPPOST",
    "KIDS BELONG|WAS? CMP? NUM CMPPOST?",
    "KIDS",
)
def _kids(m: Match) -> Made:
    if m.has("NEG"):
        return {"BAND": ("kids", {"exactly": 0})}
    if m.has("Q") or (m.has("NUM") and m.said("KIDS").startswith(("with", "ha", "有"))):
        return None
    if m.has("OR") and m.all("NUM")[1] != m.all("NUM")[0] + 1:
        return None
    if m.found[0][0] == "KIDS" and m.has("NUM") and not _counts(m):
        return None
    held = compared(m, "NUM") if m.has("NUM") else {"at_least": 1}
    if held and m.has("NUM") and not m.has("CMP", "CMPPOST"):
        held = {"exactly": held["at_least"]} if "at_least" in held else held  # two children are two
    return {"BAND": ("kids", held)}


def _counts(m: Match) -> bool:
    """Whether a number behind "children" counts them: 孩子在3个以上."""
    noun = m.said("KIDS") in ("孩子", "小孩", "子女", "娃")
    return noun and not (m.after and m.after.may("AGE", "ORDERS", "TIMES", "UNIT", "CURRENCY", "TUNIT", "PERCENT"))


def _named_column(m: Match) -> str:
    return m.get("FIELD") or ("age_band" if m.has("AGE") else "income_band")


@rule("INCOME BELONG|WAS? IS", "AGE BELONG|WAS? IS", "IS AGE", "IS INCOME", "FIELD WAS? IS", "IS FIELD")
def _named_group(m: Match) -> Made:
    column = _named_column(m)
    fits = [one for one in m.get("IS") if column in one]
    return {"USER": {"is": fits[0]}} if len(fits) == 1 else None


@rule("FIELD|AGE|INCOME UNSTATED", "UNSTATED FIELD|AGE|INCOME")
def _unstated(m: Match) -> Made:
    column = _named_column(m)
    return is_(column, {"known": False})


@rule(
    "INCOME CMP? NUM TO|AND NUM",
    "INCOME BETWEEN NUM|MONEY AND|TO NUM|MONEY",
    "INCOME Q",
    "INCOME CMP? NUM CMPPOST?",
    "Q INCOME",
)
def _earning(m: Match) -> Made:
    if m.has("Q"):
        kind, held = m.get("Q")
        return {"BAND": ("income_band", held)} if kind == "money" else None
    held = compared(m, "NUM", "MONEY")
    if held and "between" in held and held["between"][0] < 1000 <= held["between"][1]:
        held["between"][0] *= 1000  # between 50 and 75k
    return {"BAND": ("income_band", held)} if held else None
