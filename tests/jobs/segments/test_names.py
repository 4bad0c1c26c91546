"""Names of segments and families: from what tells them apart, never alike, kept while they are true."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest

from jobs.language import Labels, is_code
from jobs.segments import families, names, tastes, traits
from jobs.segments.names import Known, alike, name_groups, phrases, written
from jobs.segments.naming import named
from jobs.segments.tastes import Count, Counts
from jobs.segments.title_words import words_of_titles
from tests.jobs.segments.test_journeys import sequence

LABELS = Labels({"CAT FOOD": "cat food", "BEER": "beer", "WINE": "wine"}, {"CAT FOOD": "猫粮", "BEER": "啤酒"})
KNOWN = traits.all_traits([], LABELS)


def known(tasted=(), labels=LABELS, **strong):
    """A group with tastes, of a lift of 3, and z-scores of traits."""
    found = [{"category": c, "label": labels(c)[0], "label_zh": labels(c)[1], "lift": 3.0} for c in tasted]
    z = {t.key: strong.get(t.key, 0.0) for t in KNOWN}
    strongly, weakly = phrases(z, KNOWN), phrases(z, KNOWN, names.STRONG / 2)
    return Known(names.of_tastes(found), [*strongly, *(p for p in weakly if p not in strongly)], float(len(found)), 3.0)


def texts(groups, **how):
    return {group: written(parts) for group, parts in name_groups(groups, **how).items()}


def test_a_name_is_a_taste_and_a_manner():
    found = texts({1: known(["CAT FOOD"], monetary_90d=-0.8), 2: known(monetary_90d=1.2, discount_share_365d=0.9)})
    assert found[1] == ("Cat food · light spenders", "猫粮·低消费")
    assert found[2] == ("Big spenders · deal seekers", "高消费·爱用优惠")
    assert texts({4: known()})[4] == ("Everyday shoppers", "日常客群")


def test_no_two_names_differ_by_a_word_only():
    same = {"monetary_90d": 1.0, "basket_value_365d": 0.5, "weekend_share_365d": -0.2}
    groups = {n: known(tasted, **same) for n, tasted in enumerate((["BEER"], ["WINE"], ["BEER", "WINE"], ["BEER"]))}
    found = texts(groups | {9: known(**same), 10: known(**same)})
    for one, other in combinations(found.values(), 2):
        assert not alike(one, other), (one, other)
    assert alike(("Beer · big spenders", "啤酒·高消费"), ("Wine · big spenders", "葡萄酒·高消费"))


def test_a_phrase_that_claims_a_measure_is_said_where_it_is_true():
    """Below the mean of a young shop are not newcomers, nor are long unseen those of whom a week ago is long."""
    z = dict.fromkeys([trait.key for trait in KNOWN], 0.0) | {"tenure_days": -1.0, "recency_days": 0.8}
    means = dict.fromkeys(z, 0.0)
    said = {
        (tenure, recency): {
            phrase.english
            for phrase in phrases(z, KNOWN, means=means | {"tenure_days": tenure, "recency_days": recency})
        }
        for tenure, recency in ((279, 20), (40, 20), (279, 90))
    }
    assert said == {(279, 20): set(), (40, 20): {"newcomers"}, (279, 90): {"long unseen"}}


def test_a_number_is_the_last_resort():
    found = texts({7: known(monetary_90d=1.0), 8: known(monetary_90d=1.0)})
    assert found == {7: ("Big spenders", "高消费"), 8: ("Big spenders 8", "高消费 8")}


def test_a_new_name_is_not_like_one_that_is_there():
    group = {2: known(["BEER"], monetary_90d=1.0, night_share_365d=0.6)}
    found = texts(group, given=[("Beer · big spenders", "啤酒·高消费")])
    assert found[2] == ("Beer · night owls", "啤酒·深夜购物")


def test_a_name_stays_while_all_of_it_is_true_if_only_faintly():
    groups = {1: known(monetary_90d=0.2, night_share_365d=0.9), 2: known(monetary_90d=-1.0)}
    before = {1: ["monetary_90d:high"], 2: ["recency_days:high", "monetary_90d:low"]}
    found = {group: written(parts)[0] for group, parts in named(groups, before).items()}
    assert found == {1: "Big spenders", 2: "Light spenders"}


@pytest.mark.parametrize("options_of", [names.candidates, names.of_family])
def test_categories_of_one_label_have_names_of_their_own(options_of):
    twins = Labels({"BEER": "beer", "WINE": "wine"}, {"BEER": "酒", "WINE": "酒"})
    groups = {n: known([taste], twins, monetary_90d=1.0) for n, taste in enumerate(("BEER", "WINE"))}
    kept = {0: ["taste:BEER", "monetary_90d:high"], 1: ["taste:WINE", "monetary_90d:high"]}
    for before in ({}, kept, {n: keys[:1] for n, keys in kept.items()}):  # labelled so since last night, or always
        one, other = (written(parts) for parts in named(groups, before, options_of).values())
        assert one[0] != other[0]
        assert one[1] != other[1]


def test_a_family_has_the_shortest_name():
    found = texts({1: known(["CAT FOOD", "BEER"], monetary_90d=1), 2: known(monetary_90d=-1.0, night_share_365d=1.0)},
                  options_of=names.of_family)  # fmt: skip
    assert found == {1: ("Cat food and beer", "猫粮和啤酒"), 2: ("Light spenders", "低消费")}


def test_families_are_five_to_eight_and_keep_their_ids():
    rng = np.random.default_rng(0)
    ids = np.arange(1, 26)
    centers = np.repeat(np.eye(6) * 10, [5, 4, 4, 4, 4, 4], axis=0) + rng.normal(size=(25, 6)) / 10
    groups = families.cut(ids, centers)
    assert len(groups) == 6
    sizes = dict.fromkeys(ids.tolist(), 10)
    first = families.with_ids(groups, sizes, {}, 0)
    assert sorted(first) == [1, 2, 3, 4, 5, 6]
    before = {segment: family for family, group in first.items() for segment in group}
    moved = [group for group in groups if group != first[2]] + [first[2][:2], [*first[2][2:], 26]]
    again = families.with_ids(moved, sizes | {26: 5}, before, 6)
    assert {family: group for family, group in again.items() if family not in (2, 7)} == {
        family: group for family, group in first.items() if family != 2
    }
    assert again.keys() == {*range(1, 8)}, "an id is never used again"
    assert families.cut(ids[:8], centers[:8]) == [[n] for n in range(1, 9)], "few segments are a family each"


def test_a_taste_is_a_larger_share_that_is_no_chance(spark):
    """Ten users of 1 buy mostly TEA, ten of 2 ALE; MISC ITEMS says nothing; one of 1 alone buys RUM."""
    tea = [(3, 9, "purchase", "TEA", 1)] * 3 + [(2, 9, "purchase", "ALE", 1), (1, 9, "purchase", "MISC ITEMS", 1)]
    ale = [(3, 9, "purchase", "ALE", 1), (2, 9, "view", "TEA", 1), (1, 9, "purchase", "MISC ITEMS", 1)]
    rum = [*tea, (0, 9, "purchase", "RUM", 1)]
    people = [(f"t{n}", tea) for n in range(9)] + [("t9", rum)] + [(f"a{n}", ale) for n in range(10)]
    sequences = sequence(spark, *people)
    sample = sequences.selectExpr("user_id", "if(user_id LIKE 't%', 1, 2) AS segment_id")
    counts = tastes.counts(sequences, sample)
    assert counts.sizes == {1: 10, 2: 10}
    assert counts.nothing == {"MISC ITEMS"}
    (taste,) = counts.tastes([1], LABELS)
    assert (taste["category"], taste["label"], taste["users"]) == ("TEA", "tea", 10)
    assert taste["share"] == pytest.approx((9 * 0.6 + 0.5) / 10, abs=1e-5)
    assert taste["lift"] == pytest.approx(2.0)
    assert [one["category"] for one in counts.tastes([2], LABELS)] == ["ALE"]


def test_a_taste_of_few_is_none():
    one = {"RARE": Count(5, 1_000_000, 500_000), "USUAL": Count(90, 90_000_000, 90_000_000)}
    counts = Counts({1: 100, 2: 100}, {1: one, 2: {"USUAL": Count(100, 99_000_000, 99_000_000)}})
    assert counts.tastes([1], LABELS) == []


def test_labels_of_categories(spark):
    assert LABELS("BEER") == ("beer", "啤酒")
    assert LABELS("WINE") == ("wine", "wine"), "a language without a label takes what there is"
    assert LABELS("electronics.head_phones") == ("head phones", "head phones")
    assert [is_code(c) for c in ("560201", "A1", "TV", "猫粮")] == [True, True, False, False]
    rows = [("560201", ["usb", "cable", "2"]), ("560201", ["usb", "cable", "red"]), ("560201", ["usb"]), ("7", ["x1"])]
    products = spark.createDataFrame(rows, "category string, title_tokens array<string>")
    assert words_of_titles(products, {"560201", "7"}) == {"560201": "usb cable"}
    assert words_of_titles(products, set()) == {}
    assert Labels({}, {}, {"560201": "usb cable"})("560201") == ("usb cable", "usb cable")
