"""A table that an earlier version wrote is read and written on: its contract may have got columns since."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import date, timedelta

import pytest

from jobs.lake import delta
from jobs.tables import LOADS, SILVER_PRODUCTS, SILVER_USERS, USER_EMBEDDINGS

DAY = date(2017, 1, 2)


def test_a_table_grows_with_its_contract(spark, tmp_path):
    wh = str(tmp_path)
    row = {"source": "shop", "kind": "events", "source_file": "f", "rows_in": 1}
    early = replace(LOADS, columns=tuple(c for c in LOADS.columns if c.name != "columns"))
    delta.replace_rows([row | {"landed_ds": DAY}], wh, early, "true")
    assert delta.read(spark, wh, LOADS).first()["columns"] is None

    later = row | {"landed_ds": date(2017, 1, 3), "columns": ["week"]}
    delta.replace_rows([later], wh, LOADS, "landed_ds = '2017-01-03'")
    rows = delta.read(spark, wh, LOADS).orderBy("landed_ds").collect()
    assert [row["columns"] for row in rows] == [None, ["week"]]

    again = spark.createDataFrame([("shop", "events", DAY, ["store"])], "source string, kind string, landed_ds date, "
                                  "columns array<string>")  # fmt: skip
    again = again.withColumns({c.name: delta.F.lit(None) for c in LOADS.columns if c.name not in again.columns})
    delta.replace_where(again, wh, early, f"landed_ds = DATE'{DAY}'")  # an older clone may still write
    delta.replace_where(again, wh, LOADS, f"landed_ds = DATE'{DAY}'")
    rows = delta.read(spark, wh, LOADS).orderBy("landed_ds").collect()
    assert [row["columns"] for row in rows] == [["store"], ["week"]]


def test_a_small_table_that_is_overwritten_grows_too(spark, tmp_path):
    wh, row = str(tmp_path), dict.fromkeys(SILVER_PRODUCTS.column_names) | {"product_id": "p1", "title": "red milk"}
    products = spark.createDataFrame([tuple(row.values())], SILVER_PRODUCTS.ddl)
    early = replace(SILVER_PRODUCTS, columns=SILVER_PRODUCTS.columns[:2])
    delta.overwrite(products, wh, early)
    assert delta.read(spark, wh, SILVER_PRODUCTS).first()["title_tokens"] is None
    delta.overwrite(products.withColumn("title_tokens", delta.F.split("title", " ")), wh, SILVER_PRODUCTS)
    assert delta.read(spark, wh, SILVER_PRODUCTS).first()["title_tokens"] == ["red", "milk"]


def test_few_rows_of_some_users_and_columns_and_of_a_version(spark, tmp_path):
    wh = str(tmp_path)
    early = replace(SILVER_USERS, columns=tuple(c for c in SILVER_USERS.columns if c.name != "region"))
    row = dict.fromkeys(early.column_names) | {"attributes": {"a": "b"}, "has_record": True, "stated": {}}
    users = spark.createDataFrame(
        [tuple((row | {"user_id": name}).values()) for name in ("u1", "o'u2", "u3")], early.ddl
    )
    delta.overwrite(users, wh, early)
    delta.overwrite(users.where("user_id = 'u1'"), wh, early)
    version = delta.version(wh, SILVER_USERS)

    def few(predicate, users=None, version=version - 1):
        rows = delta.few(spark, wh, SILVER_USERS, predicate, users, ["region", "user_id", "attributes"], version)
        return sorted(map(tuple, rows.collect()), key=lambda row: row[1])

    assert few("has_record", ["o'u2", "u9"]) == [(None, "o'u2", {"a": "b"})]
    assert [row[1] for row in few("user_id > 'p'")] == ["u1", "u3"]
    assert few("has_record", []) == few("NOT has_record") == []
    assert [row[1] for row in few("true", version=None)] == ["u1"]
    assert delta.few(spark, wh, SILVER_USERS, "true").columns == [*early.column_names, "region"]


def test_a_partitioned_table_stays_so(spark, tmp_path):
    rows = [(f"u{k}", DAY, [0.5], 7, "1", "run") for k in range(3)]
    frame = spark.createDataFrame(rows, USER_EMBEDDINGS.ddl)
    for _ in range(2):
        delta.replace_where(frame, str(tmp_path), USER_EMBEDDINGS, f"ds = DATE'{DAY}'")
    assert delta.DeltaTable(USER_EMBEDDINGS.path(str(tmp_path))).metadata().partition_columns == ["ds"]
    assert delta.read(spark, str(tmp_path), USER_EMBEDDINGS).count() == 3


@pytest.mark.parametrize("by_spark", [True, False])
def test_nights_that_write_at_the_same_time_all_stand(spark, tmp_path, by_spark):
    """Also the first writes, which create the table: Delta refuses the slower commit, and it is done again."""
    table = replace(LOADS, columns=LOADS.columns[:4])

    def night(k: int) -> None:
        day = DAY + timedelta(days=k)
        row, mine = ("shop", "events", day, f"f{k}"), f"landed_ds = DATE'{day}'"
        if by_spark:
            delta.replace_where(spark.createDataFrame([row], table.ddl), str(tmp_path), table, mine)
        else:
            delta.replace_rows([dict(zip(table.column_names, row, strict=True))], str(tmp_path), table, mine)

    for _ in range(2):  # the second time each replaces its own row
        with ThreadPoolExecutor(4) as nights:
            list(nights.map(night, range(4)))
    rows = delta.read(spark, str(tmp_path), table).orderBy("landed_ds").collect()
    assert [row["source_file"] for row in rows] == ["f0", "f1", "f2", "f3"]


def test_only_what_slices_are_named_by_is_described_of_each_file(spark, tmp_path):
    table, wh = replace(LOADS, columns=LOADS.columns[:4]), str(tmp_path)
    rows = [("shop", "events", DAY, f"f{k}") for k in range(3)]
    frame = spark.createDataFrame(rows, table.ddl)
    delta.replace_where(frame, wh, table, "true")
    described = delta.DeltaTable(table.path(wh)).metadata().configuration["delta.dataSkippingStatsColumns"]
    assert described.split(",") == ["source", "kind", "source_file", "landed_ds"]
    found = delta.pa.table(delta.DeltaTable(table.path(wh)).get_add_actions(flatten=True)).to_pylist()
    assert min(row["min.source_file"] for row in found) == "f0"
    assert {row["max.landed_ds"] for row in found} == {DAY}
