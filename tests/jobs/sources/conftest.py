"""A shipped mapping's shop: files put into its landing folder, loaded by the mapping as it stands in conf/sources."""

from __future__ import annotations

from datetime import date

import pytest
from pyspark.sql import functions as F

from jobs.clean import run as clean
from jobs.collect import run as collect
from jobs.collect import trial
from jobs.lake import delta
from jobs.settings import Settings


@pytest.fixture
def shop(tmp_path, spark):
    """`shop(source, since, ds)` loads what lies in its landing folder, `shop.clean()` cleans it; `shop.rows(table)`
    gives rows, times as text.
    """

    class Shop:
        landing = tmp_path / "landing"
        warehouse = str(tmp_path / "wh")

        def __call__(self, source: str, since: str, ds: str) -> str:
            days = (date.fromisoformat(ds), date.fromisoformat(since))
            self.settings = Settings(*days, self.warehouse, source, str(self.landing), "test")
            return collect.run(spark, self.settings)

        def tried(self, source: str) -> str:
            """What `source try` says of its landing folder."""
            return trial.run(spark, source, str(self.landing), None)

        def clean(self) -> str:
            return clean.run(spark, self.settings)

        def put(self, name: str, text: str, encoding: str = "utf-8") -> None:
            (self.landing / name).write_bytes(text.encode(encoding))

        def rows(self, table, *order: str) -> list:
            frame = delta.read(spark, self.warehouse, table)
            times = {name: F.col(name).cast("string") for name, kind in frame.dtypes if kind == "timestamp"}
            return (frame.withColumns(times) if times else frame).orderBy(*(order or table.keys)).collect()

    Shop.landing.mkdir()
    return Shop()
