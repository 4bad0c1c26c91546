"""Which groups of an attribute hold a number: ages, incomes, children?"""

from __future__ import annotations

import re
from typing import Any

from jobs.audiences.ask.frames import NotSaidError, Rule
from jobs.audiences.ask.reader.sentence import Sentence

_COUNTED = {"kids": r"kid|child", "household": r"household_size|family_size"}  # attributes that count


def band(sentence: Sentence, column: str, held: Rule) -> Rule:
    """The groups of a column that lie within; where a border cuts one: with it, or without."""
    if column in _COUNTED:
        return _counted(sentence, column, held)
    scale = 1000 if column == "income_band" else 1
    values = sentence.vocabulary.values.get(column, ())
    bands = [(value, *_ends(value, scale)) for value in values if _ends(value, scale)]
    if not bands:
        raise NotSaidError(f"nothing records {column.removesuffix('_band')} in groups of numbers")
    low, high = 0.0, float("inf")
    for how, number in held.items():
        ends = [float(n) for n in number] if isinstance(number, list) else [float(number)]
        if how in ("between", "exactly"):
            low, high = ends[0], ends[-1]
        elif how in ("at_least", "more_than"):
            low = ends[0]
            low = next((b for _, b, _ in bands if how == "more_than" and b == low + 1), low)
        else:
            high = ends[0] - (1 if how == "less_than" or any(b == ends[0] for _, b, _ in bands) else 0)
    if scale > 1 and high != float("inf"):
        high = next((top for _, _, top in bands if abs(top - high) <= scale), high)
    inside = [v for v, b, t in bands if b >= low and t <= high]
    cut = [v for v, b, t in bands if v not in inside and b <= high and t >= low]
    options = [inside] if not cut else [sorted([*inside, *cut])] + ([inside] if inside else [])
    if cut and not inside and held.keys() & {"exactly"}:
        options = [cut]
    chosen = sentence.pick(("band", column, str(held)), options)
    if not chosen:
        raise NotSaidError(f"no group of {column} is so")
    if len(options) == 1 and cut and not held.keys() & {"exactly"} and not inside:
        raise NotSaidError(f"the groups of {column} are wider: {', '.join(cut)}")
    return {"is": {column: chosen[0] if len(chosen) == 1 else chosen}}


def _counted(sentence: Sentence, what: str, held: Rule) -> Rule:
    """Of how many children or people there are, where an attribute counts them."""
    for column, values in sentence.vocabulary.values.items():
        counts = {value: int(found.group()) for value in values if (found := re.match(r"\d+", value))}
        if re.search(_COUNTED[what], column) and len(counts) == len(values):
            how, number = next(iter(held.items()))
            chosen = [value for value, n in counts.items() if _holds(n, how, number)]
            if not chosen:
                raise NotSaidError(f"{column} tells {', '.join(values)}")
            return {"is": {column: chosen[0] if len(chosen) == 1 else chosen}}
    raise NotSaidError(f"nothing records how many there are: {what}")


def _holds(n: int, how: str, number: Any) -> bool:
    if how == "between":
        return number[0] <= n <= number[1]
    return {"at_least": n >= number, "more_than": n > number, "exactly": n == number, "at_most": n <= number,
            "less_than": n < number}.get(how, False)  # fmt: skip


def _ends(value: str, scale: int) -> tuple[float, float] | None:
    """The borders of a group: `25-34`, `65+`, `Under 15K`, `100-124K`."""
    numbers = [float(n) * scale for n in re.findall(r"\d+(?:\.\d+)?", value)]
    if len(numbers) == 2:
        return numbers[0], numbers[1] + (scale - 1 if scale > 1 else 0)
    if len(numbers) == 1:
        if "+" in value or re.search(r"over|above|以上", value, re.I):
            return numbers[0], float("inf")
        if re.search(r"under|below|<|以下", value, re.I):
            return 0.0, numbers[0] - 1
    return None
