"""The phrasebook, by a sample of its ways: none is read as something else, and most are read."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from zlib import crc32

import pytest

from bench.ask import phrasebook, sentences
from bench.ask.score import RIGHT
from jobs.audiences.ask import read
from jobs.audiences.ask.vocabulary import Vocabulary
from jobs.audiences.book import Book
from jobs.sources import spec

READ = {"en": 0.95, "zh": 0.97}  # of the sample
ONE_IN = 8
_VALUES = {
    "demo": {
        "age_band": ("19-24", "25-34", "35-44", "45-54", "55-64", "65+"),
        "income_band": ("Under 15K", "15-24K", "25-34K", "35-49K", "50-74K", "75-99K", "100-124K", "125-149K",
                        "150-174K", "175-199K", "200-249K", "250K+"),
        "price_tier": ("budget", "middle", "premium"),
        "lifecycle_stage": ("active", "dormant", "lost", "loyal", "new", "slipping"),
        "attributes.home_ownership": ("Homeowner", "Probable Homeowner", "Probable Renter", "Renter"),
        "attributes.marital_status": ("Married", "Unmarried"),
        "attributes.household_size": ("1", "2", "3", "4", "5+"),
        "attributes.kids_count": ("0", "1", "2", "3+"),
    },
    "simulate": {
        "age_band": ("18-24", "25-34", "35-44", "45-54", "55-64", "65+"), "gender": ("female", "male"),
        "region": ("Beijing", "Fujian", "Guangdong", "Henan", "Hubei", "Jiangsu", "Shandong", "Shanghai", "Sichuan",
                   "Zhejiang"),
    },
}  # fmt: skip
_TYPES = {
    "demo": {"purchase"}, "simulate": {"view", "search", "favourite", "cart", "uncart", "purchase", "refund"},
}  # fmt: skip

_SEGMENTS = {"Beef · broad tastes": "牛肉·品类丰富", "Beer · frequent shoppers": "啤酒·高频客"}


def named(rule: Any, *fields: str) -> Iterator[str]:
    """The values of these fields anywhere in a rule."""
    if isinstance(rule, list | tuple):
        for one in rule:
            yield from named(one, *fields)
    elif isinstance(rule, dict):
        for key, value in rule.items():
            if key in fields and not isinstance(value, dict):
                yield from [value] if isinstance(value, str) else value
            yield from named(value, *fields)


def shop(name: str, rules: list[dict[str, Any]]) -> Vocabulary:
    """What the phrasebook names of a shop."""
    source = spec.load(sentences.SOURCES[name])
    labels = {key: tuple({source.labels.get(key, key), source.labels_zh.get(key, key)}) for key in source.labels}
    categories = sorted({*named(rules, "category", "department"), *(labels if name == "demo" else ())})
    return Vocabulary(
        sentences.NIGHTS[name],
        paths=tuple((one,) for one in categories),
        labels=labels if name == "demo" else {},
        brands=("National", "Private"),
        values=_VALUES[name],
        event_values={} if name == "demo" else {"attributes.channel": ("app", "mini_program", "web")},
        tags={"deal seeker": "优惠敏感"},
        segments=_SEGMENTS,
        audiences={one: (made.name, made.name_zh) for one, made in Book.load().by_id.items()},
        types=frozenset(_TYPES[name]),
    )


@pytest.mark.parametrize("language", sentences.LANGUAGES)
def test_a_sample_of_the_phrasebook_is_read_and_none_is_misread(language):
    ways = sentences.phrases(language)
    shops = {name: shop(name, [rule for one in ways if one.shop == name for rule in one.rules]) for name in _VALUES}
    sample = [one for one in ways if crc32(one.say.encode()) % ONE_IN == 0]
    found = phrasebook.run(shops, read, sample)
    assert [(one.sentence.say, one.answer.rule) for one in found if one.verdict == "wrong"] == []
    assert sum(one.verdict in RIGHT for one in found) / len(found) >= READ[language]
