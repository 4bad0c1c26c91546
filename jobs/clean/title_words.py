"""One title read in Python, English or Chinese: its words, and size, pack, colour and for whom where they stand.

Plain functions of a text. Words of Chinese come from jieba's dictionary, by rjieba, its Rust edition: some 2 µs a
title, wheels for every platform. (jieba itself is pure Python, and was last released in 2020.)
"""

from __future__ import annotations

import re
import unicodedata

import rjieba

_HAN = "\u3007\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003134f"
_IS_HAN = re.compile(f"[{_HAN}]")
# A run of Chinese, with lone letters that begin a word (T恤); a number with its unit; any other word.
_WORD = re.compile(
    rf"(?:[{_HAN}]|(?<![A-Za-z0-9])[A-Za-z](?=[{_HAN}]))+"
    rf"|\d+(?:\.\d+)?(?:(?![{_HAN}])[^\W\d_])*|(?:(?![{_HAN}])[^\W_])+"
)

# How a unit may be written -> how we write it.
_UNITS: dict[str, dict[str, str]] = {
    "volume": {"毫升": "ml", "ml": "ml", "cl": "cl", "升": "l", "l": "l", "ltr": "l", "liter": "l", "litre": "l",
               "fl oz": "floz", "fl.oz": "floz", "floz": "floz", "gal": "gal", "gallon": "gal", "qt": "qt", "pt": "pt"},
    "weight": {"毫克": "mg", "mg": "mg", "千克": "kg", "公斤": "kg", "kg": "kg", "斤": "jin", "克": "g", "g": "g",
               "oz": "oz", "lb": "lb", "lbs": "lb"},
    "length": {"毫米": "mm", "mm": "mm", "厘米": "cm", "cm": "cm", "米": "m", "英寸": "in", "寸": "in", "inch": "in"},
}  # fmt: skip
_NUMBER = r"(?<![a-z0-9.])(\d+(?:\.\d+)?)[ -]?"
_UNIT = {
    kind: re.compile(_NUMBER + f"({'|'.join(map(re.escape, sorted(units, key=len, reverse=True)))})(?![a-z])")
    for kind, units in _UNITS.items()
}
_ANY_UNIT = "|".join(re.escape(name) for units in _UNITS.values() for name in sorted(units, key=len, reverse=True))
# Generations of mobile networks, not grams.
_NOT_GRAMS = {"2", "3", "4", "5", "6"}

_NUMERALS = {"一": "1", "二": "2", "两": "2", "三": "3", "四": "4", "五": "5", "六": "6", "八": "8", "十": "10"}
# 500g*2, 24x330ml: the x of a product, told from that of a word (max3).
_TIMES = re.compile(r"(?:(?<=\d)|(?<=ml)|(?<=kg)|(?<=oz)|(?<=\dg)|(?<=\dl))\s*[x×*✕]\s*(?=\d)", re.IGNORECASE)
_COUNT = r"(?<![a-z0-9.第满])(\d{1,3}|[一二两三四五六八十])\s?"
_PACKS = tuple(map(re.compile, (
    _COUNT + r"(?:[件只个片瓶袋盒罐支条双枚卷包]装|packs?\b|pk\b|count\b|ct\b|pcs\b|pieces?\b|pairs?\b)",
    r"\b(?:pack|set|case|box) of (\d{1,3})\b",
    _COUNT + r"(?:[件只瓶袋盒罐支条双包])(?!套)",
    r"× (\d{1,3})(?![\d.a-z])",
    rf"(?<![a-z0-9.])(\d{{1,3}}) × (?=\d+(?:\.\d+)?[ -]?(?:{_ANY_UNIT}))",
)))  # fmt: skip

# Fruits, metals and flowers are no colours in English: orange, gold, rose.
_COLOURS = {
    "black": ("black", "黑色"), "white": ("white", "白色", "米白"), "grey": ("grey", "gray", "灰色"),
    "red": ("red", "红色", "紅色", "大红", "酒红"), "pink": ("pink", "粉色", "粉红", "粉紅"),
    "purple": ("purple", "紫色"), "blue": ("blue", "navy", "蓝色", "藍色", "藏青", "天蓝"),
    "green": ("green", "绿色", "綠色", "军绿"), "yellow": ("yellow", "黄色", "黃色"), "orange": ("橙色", "橘色"),
    "brown": ("brown", "棕色", "褐色", "咖啡色"), "beige": ("beige", "米色", "杏色", "卡其"),
    "gold": ("金色",), "silver": ("银色", "銀色"),
}  # fmt: skip
_GENDERS = {
    "female": ("women", "womens", "woman", "ladies", "girls", "女士", "女款", "女式", "女装", "女鞋", "女童", "女性",
               "女"),
    "male": ("men", "mens", "man", "boys", "男士", "男款", "男式", "男装", "男鞋", "男童", "男性", "男"),
    "unisex": ("unisex", "男女", "中性", "情侣"),
}  # fmt: skip
_AGES = {
    "baby": ("baby", "babies", "infant", "newborn", "婴儿", "嬰兒", "新生儿", "宝宝", "寶寶"),
    "kids": ("kids", "children", "childrens", "toddler", "boys", "girls", "儿童", "兒童", "童装", "男童", "女童"),
    "senior": ("senior", "seniors", "elderly", "老人", "老年", "中老年"),
}  # fmt: skip
# A lone letter is a size in capitals only, and not beside an apostrophe (L'Oréal, men's).
_LETTER_SIZE = re.compile(r"(?<![\w'’.&+-])((?i:xxs|xs|xl|xxl|xxxl|[2-6]xl)|[SML])(?:码|碼)?(?![\w'’.&+-])")
_NUMBER_SIZE = re.compile(r"(?<![\d.])(\d{2}(?:\.5)?)[码碼]|(?i:\bsize |尺[码碼] ?)(\d{1,2}(?:\.5)?)\b")


def _plain(title: str) -> str:
    return _TIMES.sub(" × ", unicodedata.normalize("NFKC", title))


def tokens(title: str) -> list[str]:
    """The words of a title in its order: NFKC, lower case, no punctuation, none left out."""
    words: list[str] = []
    for word in _WORD.findall(_plain(title)):
        words += rjieba.cut(word) if _IS_HAN.search(word) else [word]
    return [word.lower() for word in words]


def attributes(title: str) -> dict[str, str]:
    """What stands in a title, keys sorted: volume, weight, length (a number and its unit: 500ml, 2.5kg), pack (pieces),
    colour, gender, age, size (of clothes). The first of a kind counts; what does not stand there has no key.
    """
    plain, words = _plain(title), tokens(title)
    text = plain.lower()
    stated = {kind: _measure(kind, text) for kind in _UNITS}
    stated |= {"pack": _pack(text), "size": _size(plain)}
    stated |= {"colour": _first(_COLOURS, words), "gender": _gender(words), "age": _first(_AGES, words)}
    return {name: value for name, value in sorted(stated.items()) if value}


def _measure(kind: str, text: str) -> str | None:
    for number, unit in _UNIT[kind].findall(text):
        if unit != "g" or number not in _NOT_GRAMS:
            return number + _UNITS[kind][unit]
    return None


def _pack(text: str) -> str | None:
    for pattern in _PACKS:
        if match := pattern.search(text):
            return _NUMERALS.get(match[1], match[1])
    return None


def _size(plain: str) -> str | None:
    if match := _NUMBER_SIZE.search(plain):
        return match[1] or match[2]
    without = plain
    for pattern in _UNIT.values():
        without = re.sub(pattern.pattern, " ", without, flags=re.IGNORECASE)
    match = _LETTER_SIZE.search(without)
    return match[1].upper() if match else None


def _names(word: str, names: tuple[str, ...]) -> bool:
    """深蓝色 names 蓝色; other words must be the name."""
    return word in names or (word.endswith("色") and word.endswith(names))


def _first(kinds: dict[str, tuple[str, ...]], words: list[str]) -> str | None:
    return next((kind for word in words for kind, names in kinds.items() if _names(word, names)), None)


def _gender(words: list[str]) -> str | None:
    named = {kind for word in words for kind, names in _GENDERS.items() if word in names}
    return "unisex" if len(named) > 1 else next(iter(named), None)
