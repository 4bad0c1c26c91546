"""What the values of a column hint at and nobody but the shop can know: said by `source draft` and `source try`."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Sequence
from statistics import median

Values = Sequence[str | None]

_ENOUGH = 20  # values, below which chance says as much
_PRICES = ("00", "50", "90", "95", "99", "49")  # on which prices in cents end
_FROM = 300  # the least median of cents: three of a currency's units
_WHOLE = re.compile(r"-?[0-9]+(\.0+)?")
_NOTHING = re.compile(r"-1|-9{1,4}|9{3,}", re.ASCII)
_GAP = 5  # times the next value, from which one of nines is no number among others
_WORDS = ("null", "nan", "none", "nil", "undefined", "unknown", "n/a", "na", "nat", "(null)", "(not set)", "未知", "无",
          "暂无", "unbekannt", "inconnu", "desconocido")  # fmt: skip
_ORDERS = 5  # of several lines, from which their lines say something
_SHARE = 0.1  # of a filler that only stands out by its frequency


def in_cents(values: Values) -> bool:
    """Whether numbers look like prices in cents: all whole, of three digits and more, mostly ending as prices do, but
    not nearly all in 00 as where money has no cents.
    """
    there = [value for value in values if value]
    if len(there) < _ENOUGH or not all(map(_WHOLE.fullmatch, there)):
        return False
    whole = [abs(int(value.partition(".")[0])) for value in there]
    if median(whole) < _FROM:
        return False
    ends = Counter(f"{number % 100:02d}" for number in whole)
    usual = sum(ends[end] for end in _PRICES)
    return usual > len(whole) / 2 and ends["00"] < 0.9 * len(whole)


def filler(values: Values, *, may_be_negative: bool = False) -> str | None:
    """The value of a column that seems to say that nothing is known: -1 or nines far from all other numbers, or a word
    among texts. `may_be_negative`: negative numbers mean something there.
    """
    counted = Counter(value for value in values if value)
    if sum(counted.values()) < _ENOUGH or len(counted) < 3:
        return None
    words = [value for value in counted if value.casefold() in _WORDS]
    if words and len(words) == 1:
        return words[0]
    numbers = {value: float(value) for value in counted if _WHOLE.fullmatch(value) or _is_decimal(value)}
    if len(numbers) < len(counted):
        return None
    ordered = sorted(numbers, key=lambda value: numbers[value])
    least, most = ordered[0], ordered[-1]
    if not may_be_negative and _NOTHING.fullmatch(least) and numbers[least] < 0 <= numbers[ordered[1]]:
        return least
    is_far = numbers[most] > _GAP * max(1.0, abs(numbers[ordered[-2]]))
    return most if _NOTHING.fullmatch(most) and is_far and counted[most] > 1 else None


def guest(values: Values) -> str | None:
    """The user who has a good part of all records, many times as many as any other."""
    counted = Counter(value for value in values if value).most_common(2)
    records = sum(value is not None for value in values)
    if records < _ENOUGH or len(counted) < 2:
        return None
    (value, most), (_, next_) = counted
    return value if most > _SHARE * records and most > 2 * _GAP * next_ else None


def is_of_order(values: Values, orders: Values) -> bool:
    """Whether money is the order's, and stands again in each of its lines: the same in all lines of every order of
    several, and another in another order.
    """
    lines = defaultdict(list)
    for value, order in zip(values, orders, strict=True):
        if value and order:
            lines[order].append(value)
    several = [set(said) for said in lines.values() if len(said) > 1]
    same = {value for said in several for value in said}
    return len(several) >= _ORDERS and all(len(said) == 1 for said in several) and len(same) > len(several) / 2


def is_share(values: Values) -> bool:
    """Whether discounts are shares: all from 0 to 1, and some between."""
    numbers = [float(value) for value in values if value and (_WHOLE.fullmatch(value) or _is_decimal(value))]
    if len(numbers) < max(_ENOUGH, sum(value is not None for value in values)):
        return False
    return min(numbers) >= 0 and max(numbers) <= 1 and any(0 < number < 1 for number in numbers)


def is_one_of_two(amounts: Values, prices: Values, quantities: Values) -> bool:
    """Whether the money of a line is the price of a piece, of whatever pieces: then one of them is called wrong."""
    told = [(amount, price) for amount, price, pieces in zip(amounts, prices, quantities, strict=True)
            if amount and price and pieces not in (None, "0", "1", "1.0", "-1", "-1.0")]  # fmt: skip
    return len(told) >= _ENOUGH / 2 and all(amount == price for amount, price in told)


def _is_decimal(value: str) -> bool:
    return re.fullmatch(r"-?[0-9]*\.[0-9]+", value) is not None
