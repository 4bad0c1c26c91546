"""Money keeps four decimals from the file to the features; warehouses of two decimals are refused, and migrated."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pytest
from deltalake import DeltaTable, write_deltalake

from jobs import __main__, migrate
from jobs.clean import run as clean
from jobs.collect import run as collect
from jobs.features import run as features
from jobs.lake import contracts, delta
from jobs.settings import Settings
from jobs.sources import spec
from jobs.tables import BRONZE_EVENTS, SILVER_EVENTS, USER_DAILY, USER_FEATURES

DAY = date(2024, 4, 2)
TABLES = (BRONZE_EVENTS, SILVER_EVENTS, USER_DAILY, USER_FEATURES)
PRICES = {"price", "price_raw"}  # which had four
SHOP = """
name: fuel
title: t
origin: o
licence: l
events:
  files: "{ds}/log.csv"
  format: csv
  id: [id]
  fields: {user_id: who, event_time: at, event_type: {constant: purchase}, product_id: item, quantity: n, amount: paid,
           discount: less}
"""


@pytest.fixture
def place(spark, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """A night of three lines, of which one is worth less than a cent."""
    (tmp_path / "fuel.yaml").write_text(SHOP, encoding="utf-8")
    monkeypatch.setattr(spec.load, "__defaults__", (tmp_path,))
    landing = tmp_path / "in" / str(DAY)
    landing.mkdir(parents=True)
    lines = ["1,u,{0} 10:00,p,1,0.0031,0.0004", "2,u,{0} 10:01,p,3,12.3456,0.1111", "3,v,{0} 10:02,q,1,7,0"]
    text = "\n".join(["id,who,at,item,n,paid,less", *(line.format(DAY) for line in lines)])
    (landing / "log.csv").write_text(text + "\n", encoding="utf-8")
    s = Settings(DAY, DAY, str(tmp_path / "wh"), "fuel", str(tmp_path / "in"), "r")
    for verb in (collect, clean, features):
        verb.run(spark, s)
    return s


def test_four_decimals_reach_the_features(place: Settings) -> None:
    rows = {row["event_id"]: row for row in delta.rows(place.warehouse, SILVER_EVENTS, "true")}
    small = {name: rows["fuel:1"][name] for name in ("amount", "discount", "list_amount", "price")}
    assert small == {"amount": Decimal("0.0031"), "discount": Decimal("0.0004"), "list_amount": Decimal("0.0035"),
                     "price": Decimal("0.0035")}  # fmt: skip
    (day,) = delta.rows(place.warehouse, USER_DAILY, "user_id = 'u'")
    assert (day["amount"], day["discount"]) == (Decimal("12.3487"), Decimal("0.1115"))
    (user,) = delta.rows(place.warehouse, USER_FEATURES, "user_id = 'u'")
    assert (user["monetary_1d"], user["monetary_365d"]) == (Decimal("12.3487"), Decimal("12.3487"))
    assert user["basket_value_365d"] == pytest.approx(12.3487)
    assert user["discount_share_365d"] == pytest.approx(0.1115 / 12.4602)


def of_two(kind: pa.DataType) -> pa.DataType:
    if pa.types.is_map(kind):
        return pa.map_(kind.key_type, of_two(kind.item_type))
    return pa.decimal128(18, 2) if kind == pa.decimal128(18, 4) else kind


def as_of_an_earlier_release(warehouse: str) -> None:
    for table in TABLES:
        rows = DeltaTable(table.path(warehouse)).to_pyarrow_table()
        fields = [field if field.name in PRICES else field.with_type(of_two(field.type)) for field in rows.schema]
        rows = rows.cast(pa.schema(fields), safe=False)
        parts = list(table.partition_by)
        write_deltalake(table.path(warehouse), rows, mode="overwrite", schema_mode="overwrite", partition_by=parts)


def test_a_warehouse_of_two_decimals_is_refused_and_migrated_by_one_command(
    spark, place: Settings, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    fresh = {table: DeltaTable(table.path(place.warehouse)).schema() for table in TABLES}
    as_of_an_earlier_release(place.warehouse)
    night = ["clean", "--ds", str(DAY), "--source", "fuel", "--warehouse", place.warehouse]
    assert __main__.main(night) == 2
    said = capsys.readouterr().err
    assert "expected money of four decimals in" in said
    assert "found decimal(18,2) in bronze.events.amount; once, while no night runs: python -m jobs migrate " in said

    with monkeypatch.context() as patch:  # killed before the last table
        patch.setattr(contracts, "BRONZE_EVENTS", USER_FEATURES)
        patch.setattr(contracts, "ALL", (SILVER_EVENTS, USER_DAILY))
        assert contracts.migrate(spark, place.warehouse) == ["silver.events", "gold.user_daily", "gold.user_features"]
    assert __main__.main(night) == 2
    assert migrate.run(spark, place.warehouse).startswith("money of four decimals in bronze.events; nothing to do: ")
    contracts.require(place.warehouse)
    for table in TABLES:
        assert contracts.other_decimals(place.warehouse, table) == {}
        found = DeltaTable(table.path(place.warehouse))
        assert {field.name: field.type for field in found.schema().fields} == {
            field.name: field.type for field in fresh[table].fields
        }
        assert found.metadata().partition_columns == list(table.partition_by)
    assert "accents" not in migrate.run(spark, place.warehouse)
    DeltaTable(BRONZE_EVENTS.path(place.warehouse)).update(updates={"product_id": "'cafe\u0301'"})  # as it was stored
    assert f"accents behind their letters on 1 days: python -m jobs collect --again --source fuel --since {DAY}" in (
        migrate.run(spark, place.warehouse)
    )
    # What was rounded off stays so; a file that is loaded anew brings it back.
    assert delta.rows(place.warehouse, SILVER_EVENTS, "event_id = 'fuel:2'")[0]["amount"] == Decimal("12.34")
    again = replace(place, again=True)
    for verb in (collect, clean, features):
        verb.run(spark, again)
    assert delta.rows(place.warehouse, USER_FEATURES, "user_id = 'u'")[0]["monetary_1d"] == Decimal("12.3487")
    assert "accents" not in migrate.run(spark, place.warehouse)
