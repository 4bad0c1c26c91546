"""Shops that have little: each part of a night says what it cannot tell, and does the rest, through to the report."""

from __future__ import annotations

import os
from datetime import date, timedelta
from pathlib import Path
from random import Random

import pytest

from jobs.lake import delta
from jobs.settings import Settings
from jobs.sources import spec
from jobs.tables import RECOMMENDATIONS, SILVER_PRODUCTS, USER_PROFILES, USER_SEGMENTS
from tests.whole_night import night

ROOT = Path(__file__).resolve().parents[1]
FIRST, LAST = date(2024, 4, 1), date(2024, 6, 30)
CLASSIC = """
name: classic
title: t
origin: o
licence: l
events:
  files: log.csv
  format: csv
  id: [who, day, money]
  fields:
    user_id: who
    event_time: day
    event_type: {constant: purchase}
    quantity: pieces
    amount: money
"""
NINE = CLASSIC.replace("name: classic", "name: nine").replace("id: [", "id: [item, ") + "    product_id: item\n"


def deliver(landing: Path, users: int, products: int) -> None:
    """Some purchases of each user, without an hour."""
    random, lines = Random(1), ["who,day,pieces,money" + (",item" if products else "")]
    for user in range(users):
        for _ in range(random.randrange(2, 12)):
            day = FIRST + timedelta(days=random.randrange((LAST - FIRST).days + 1))
            what = f",p{random.randrange(products)}" if products else ""
            lines.append(f"u{user},{day},{random.randrange(1, 4)},{random.randrange(100, 9000) / 100}{what}")
    landing.mkdir()
    (landing / "log.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    os.utime(landing / "log.csv", (1_719_800_000,) * 2)


@pytest.mark.parametrize(("name", "users", "products"), [("nine", 9, 6), ("classic", 30, 0)])
def test_a_night_through_to_its_report(
    spark, tmp_path: Path, name: str, users: int, products: int, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture,
) -> None:  # fmt: skip
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path}/mlflow.db")
    for source, text in (("nine", NINE), ("classic", CLASSIC)):
        (tmp_path / f"{source}.yaml").write_text(text, encoding="utf-8")
    monkeypatch.setattr(spec.load, "__defaults__", (tmp_path,))
    deliver(tmp_path / "landing", users, products)
    s = Settings(LAST, FIRST, str(tmp_path / "wh"), name, str(tmp_path / "landing"), "r")
    night(spark, s, ROOT / "conf", tmp_path, checked=True)
    said = capsys.readouterr().out
    assert delta.count(s.warehouse, USER_SEGMENTS) == delta.count(s.warehouse, USER_PROFILES) == users
    assert (delta.count(s.warehouse, SILVER_PRODUCTS), delta.count(s.warehouse, RECOMMENDATIONS) > 0) == (
        products, products > 0
    )  # fmt: skip
    assert (Path(s.warehouse) / "_reports" / f"{LAST}.html").is_file()
    assert ("no product is named: there is nothing to learn" in said) == (products == 0)
    assert "nothing is predicted as of 2024-06-30" in said
