"""Lists, maps and structs: cases of the contract."""

from __future__ import annotations

from typing import Any

from pyspark.sql import Column
from pyspark.sql import functions as F

from tests.engines.cases import NAN, Case, given, texts


def cases() -> list[Case]:
    return [*_sets(), *_places(), *_ordered(), *_functions(), *_maps()]


def _no_list(kind: str = "array<string>") -> Column:
    return F.when(F.col("id") < 0, F.array().cast(kind))


def _numbers(*values: Any, kind: str = "int") -> Column:
    return F.array(*[given(value, kind) for value in values])


def _sets() -> list[Case]:
    ab, none = texts("a", "b", "a"), _no_list()
    return [
        Case("array: empty", F.array().cast("array<string>"), []),
        Case("array_append: null", F.array_append(ab, F.lit(None)), ["a", "b", "a", None]),
        Case("array_append: to null", F.array_append(none, F.lit("a")), None),
        Case("array_append: a null struct", F.array_append(F.array(F.struct(given(1).alias("x"))), F.lit(None)),
             [(1,), None]),
        Case("array_compact: nulls go", F.array_compact(texts("a", None, "b", None)), ["a", "b"]),
        Case("array_compact: null", F.array_compact(none), None),
        Case("array_compact: structs", F.array_compact(F.array(F.struct(given(1).alias("x")), F.when(F.col("id") < 0,
             F.struct(given(2).alias("x"))))), [(1,)]),
        Case("array_contains: there", F.array_contains(ab, "b"), True),
        Case("array_contains: beside a null", F.array_contains(texts("a", None), "a"), True),
        Case("array_contains: null", F.array_contains(none, "a"), None),
        Case("array_contains: empty", F.array_contains(texts(), "a"), False),
        Case("array_contains: a column", F.array_contains(ab, given("b")), True),
        Case("array_distinct: in order", F.array_distinct(texts("b", "a", None, "b", None)), ["b", "a", None]),
        Case("array_except: in order, once", F.array_except(texts("c", "a", "c", None), texts("a")), ["c", None]),
        Case("array_except: nothing left", F.array_except(texts("a"), texts("a", None)), []),
        Case("array_union: in order, once", F.array_union(texts("b", "a", "b"), texts("c", "a", None)), ["b", "a", "c", None]),
        Case("array_remove: all of them", F.array_remove(texts("", "a", ""), ""), ["a"]),
        Case("array_remove: nulls stay", F.array_remove(texts(None, "a"), "a"), [None]),
        Case("array_remove: from null", F.array_remove(none, "a"), None),
        Case("arrays_overlap: one in common", F.arrays_overlap(texts("a", None), texts("a")), True),
        Case("arrays_overlap: perhaps the null", F.arrays_overlap(texts("a", None), texts("b")), None),
        Case("arrays_overlap: empty", F.arrays_overlap(texts("a"), texts()), False),
        Case("arrays_overlap: null", F.arrays_overlap(none, texts("b")), None),
        Case("array_join: nulls are left out", F.array_join(texts("a", None, "b"), " "), "a b"),
        Case("array_join: empty", F.array_join(texts(), " "), ""),
        Case("flatten: lists", F.flatten(F.array(texts("a"), texts(), texts(None))), ["a", None]),
        Case("flatten: a null in it", F.flatten(F.array(texts("a"), none)), None),
        Case("size: null", F.size(none), None),
        Case("size: nulls count", F.size(texts(None, None)), 2),
        Case("size: map", F.size(F.create_map(given("a"), given(1))), 1),
        Case("arrays_zip: uneven", F.arrays_zip(texts("a", "b").alias("x"), _numbers(1).alias("y")),
             [("a", 1), ("b", None)]),
        Case("arrays_zip: null", F.arrays_zip(texts("a").alias("x"), _no_list().alias("y")), None),
    ]  # fmt: skip


def _places() -> list[Case]:
    abc = texts("a", "b", "c")
    return [
        Case("array_max: null is left out", F.array_max(_numbers(1, None, 3)), 3),
        Case("array_max: empty", F.array_max(_numbers().cast("array<int>")), None),
        Case("array_max: nan", F.array_max(F.array(given(1.0), given(NAN))), NAN),
        Case("array_position: not there", F.array_position(_numbers(1, 2), 5), 0),
        Case("array_position: the first", F.array_position(_numbers(3, 5, 5), F.array_max(_numbers(3, 5, 5))), 2),
        Case("array_position: null", F.array_position(_no_list("array<int>"), 5), None),
        Case("get: behind the end", F.get(abc, F.lit(3)), None),
        Case("get: before the start", F.get(abc, F.lit(-1)), None),
        Case("get: a column", F.get(abc, given(2)), "c"),
        Case("get: of null", F.get(_no_list(), F.lit(0)), None),
        Case("get: then a field", F.get(F.array(F.struct(given(5).alias("x"))), F.lit(0))["x"], 5),
        Case("get: then a field of nothing", F.get(F.array(F.struct(given(5).alias("x"))), F.lit(1))["x"], None),
        Case("try_element_at: from the end", F.try_element_at(abc, F.lit(-1)), "c"),
        Case("try_element_at: behind the end", F.try_element_at(abc, F.lit(4)), None),
        Case("try_element_at: a map", F.try_element_at(F.create_map(given("a"), given(1)), F.lit("b")), None),
        Case("slice: the first", F.slice(abc, 1, 2), ["a", "b"]),
        Case("slice: longer than the list", F.slice(abc, 2, 9), ["b", "c"]),
        Case("slice: none", F.slice(abc, 1, 0), []),
        Case("slice: the last", F.slice(abc, -2, 2), ["b", "c"]),
        Case("slice: behind the end", F.slice(abc, 4, 2), []),
        Case("slice: a column", F.slice(abc, given(2), 1), ["b"]),
        Case("slice: null", F.slice(_no_list(), 1, 1), None),
        Case("sequence: one", F.sequence(given(1), given(1)), [1]),
        Case("sequence: backwards", F.sequence(given(0), given(-1)), [0, -1]),
        Case("getField: of a null struct", F.when(F.col("id") < 0, F.struct(given(77).alias("x"))).getField("x"), None),
    ]  # fmt: skip


def _pair(*values: Any) -> Column:
    return F.struct(given(values[0], "string").alias("name"), given(values[1], "int").alias("n"))


def _ordered() -> list[Case]:
    pairs = F.array(_pair("b", 1), _pair("a", 3), _pair("a", 2))
    holed = F.array(_pair("b", 1), _pair("a", None), _pair("a", 2), _pair(None, 3))
    return [
        Case("array_sort: nulls last", F.array_sort(texts("b", None, "a")), ["a", "b", None]),
        Case("array_sort: by bytes", F.array_sort(texts("é", "z", "Z", "😀", "\ufb01", "")), ["", "Z", "z", "é", "\ufb01", "😀"]),
        Case("array_sort: structs", F.array_sort(pairs), [("a", 2), ("a", 3), ("b", 1)]),
        Case("sort_array: nulls first", F.sort_array(texts("b", None, "a")), [None, "a", "b"]),
        Case("sort_array: structs", F.sort_array(holed), [(None, 3), ("a", None), ("a", 2), ("b", 1)]),
        Case("sort_array: downwards", F.sort_array(texts("b", None, "a"), asc=False), ["b", "a", None]),
        Case("sort_array: structs downwards", F.sort_array(F.array(_pair("a", 1), F.when(F.col("id") < 0, _pair("a", 9)), _pair("a", 2)),
             asc=False), [("a", 2), ("a", 1), None]),
        Case("sort_array: nan", F.sort_array(F.array(given(NAN), given(1.0), given(-1.0))), [-1.0, 1.0, NAN]),
        Case("sort_array: null", F.sort_array(_no_list()), None),
    ]  # fmt: skip


def _functions() -> list[Case]:
    return [
        Case("exists: none", F.exists(texts("a"), lambda x: x == "b"), False),
        Case("exists: empty", F.exists(texts(), lambda x: x == "b"), False),
        Case("exists: a null in it", F.exists(texts("a", None), lambda x: F.coalesce(x == "b", F.lit(False))), False),
        Case("filter: nulls", F.filter(texts("a", None), lambda x: x.isNotNull()), ["a"]),
        Case("filter: null is not true", F.filter(texts("a", None), lambda x: x == "a"), ["a"]),
        Case("filter: of null", F.filter(_no_list(), lambda x: x.isNotNull()), None),
        Case("transform: by a column", F.transform(_numbers(1, None), lambda n: n / given(2)), [0.5, None]),
        Case("transform: structs", F.transform(F.array(_pair("a", 1)), lambda x: x["name"]), ["a"]),
        Case("transform: to structs", F.transform(F.sequence(given(1), given(2)), lambda n: F.struct(n.alias("n"), F.slice(texts("a", "b"), n, 1).alias("t"))),
             [(1, ["a"]), (2, ["b"])]),
        Case("transform: null", F.transform(_no_list(), lambda x: x), None),
        Case("struct: all null is no null", F.struct(given(None, "string").alias("x")).isNull(), False),
        Case("==: structs", _pair("a", None) == _pair("a", None), True),
        Case("eqNullSafe: structs", _pair("a", None).eqNullSafe(_pair("a", None)), True),
        Case("eqNullSafe: lists", texts("a", None).eqNullSafe(texts("a", None)), True),
    ]  # fmt: skip


def _maps() -> list[Case]:
    ab = F.create_map(given("b"), given("1"), given("a"), given(None, "string"))
    no_map = F.when(F.col("id") < 0, F.create_map(given("a"), given("b")))
    return [
        Case("create_map: as given", ab, {"b": "1", "a": None}),
        Case("create_map: empty", F.create_map().cast("map<string,string>"), {}),
        Case("map_keys: as given", F.map_keys(ab), ["b", "a"]),
        Case("map_keys: of entries", F.map_keys(F.map_from_entries(F.array(_pair("b", 1), _pair("a", None)))), ["b", "a"]),
        Case("map_keys: of two maps", F.map_keys(F.map_concat(ab, F.create_map(given("A"), given("2")))), ["b", "a", "A"]),
        Case("map_keys: of some", F.map_keys(F.map_filter(ab, lambda _, value: value.isNull())), ["a"]),
        Case("map_values: as given", F.map_values(ab), ["1", None]),
        Case("map_keys: null", F.map_keys(no_map), None),
        Case("map_contains_key: a null value", F.map_contains_key(ab, "a"), True),
        Case("map_contains_key: null", F.map_contains_key(no_map, "a"), None),
        Case("map_concat: in order", F.map_concat(ab, F.create_map(given("c"), given("2"))), {"b": "1", "a": None, "c": "2"}),
        Case("map_concat: with an empty one", F.map_concat(ab, F.create_map().cast("map<string,string>")), {"b": "1", "a": None}),
        Case("map_concat: null", F.map_concat(ab, no_map), None),
        Case("map_filter: by value", F.map_filter(ab, lambda _, value: value.isNotNull()), {"b": "1"}),
        Case("map_filter: by key", F.map_filter(ab, lambda key, _: ~key.isin("b")), {"a": None}),
        Case("map_filter: null", F.map_filter(no_map, lambda key, _: key.isNotNull()), None),
        Case("map_from_arrays: lists", F.map_from_arrays(texts("b", "a"), _numbers(1, None)), {"b": 1, "a": None}),
        Case("map_from_arrays: null", F.map_from_arrays(_no_list(), _no_list()), None),
        Case("map_from_entries: pairs", F.map_from_entries(F.array(_pair("b", 1), _pair("a", None))), {"b": 1, "a": None}),
        Case("map_from_entries: none", F.map_from_entries(F.filter(F.array(_pair("b", 1)), lambda x: x["n"] > 5)), {}),
        Case("map_from_entries: null", F.map_from_entries(F.when(F.col("id") < 0, F.array(_pair("b", 1)))), None),
        Case("getItem: not there", ab.getItem("c"), None),
        Case("getItem: a column", ab[given("b")], "1"),
        Case("getItem: of null", no_map.getItem("a"), None),
        Case("getItem: a number", F.create_map(F.lit(1), F.lit("x"), F.lit(2), F.lit("y")).getItem(given(2)), "y"),
    ]  # fmt: skip
