"""Shops that have little: each part of a night says what it cannot tell, and does the rest, through to the report."""

from __future__ import annotations

import json
import os
import shutil
from datetime import date, timedelta
from pathlib import Path
from random import Random

import pytest
from deltalake import DeltaTable

from jobs.lake import delta
from jobs.segments import run as segment
from jobs.settings import Settings
from jobs.sources import spec
from jobs.tables import PREDICTIONS, RECOMMENDATIONS, SILVER_PRODUCTS, USER_PROFILES, USER_SEGMENTS
from ml import value
from ml.measures.predictions import EVERYBODY
from tests.engines.compare import differences
from tests.jobs.kills import Killed, killed_after
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
WINDOW = (
    CLASSIC.replace("name: classic", "name: window").replace("id: [", "id: [item, ").replace("purchase", "view")
    + """    product_id: item
products:
  files: items.csv
  format: csv
  id: [item]
  fields:
    title: title
"""
)
UNPRICED = (
    CLASSIC.replace("name: classic", "name: unpriced").replace("id: [who, day, money]", "id: [item, who, day, pieces]")
    .replace("    amount: money\n", "    product_id: item\n")
)  # fmt: skip
NINE = CLASSIC.replace("name: classic", "name: nine").replace("id: [", "id: [item, ") + "    product_id: item\n"


def deliver(landing: Path, lines: list[str]) -> None:
    """lines: who, day, pieces, money, perhaps more, with a head."""
    landing.mkdir()
    (landing / "log.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    os.utime(landing / "log.csv", (1_719_800_000,) * 2)


def some_events(users: int, products: int) -> list[str]:
    """Some events of each user, without an hour."""
    random, lines = Random(1), ["who,day,pieces,money" + (",item" if products else "")]
    for user in range(users):
        for _ in range(random.randrange(2, 12)):
            day = FIRST + timedelta(days=random.randrange((LAST - FIRST).days + 1))
            what = f",p{random.randrange(products)}" if products else ""
            lines.append(f"u{user},{day},{random.randrange(1, 4)},{random.randrange(100, 9000) / 100}{what}")
    return lines


def pareto_nbd(customers: int, weeks: int = 40, joined: int = 12, seed: int = 1) -> list[str]:
    """Purchases of a cohort that joined in the first weeks, as CDNOW's did: each customer buys by a rate of his own
    until he is lost, by a rate of his own too (Pareto/NBD; parameters a week of Fader, Hardie and Lee 2005).
    """
    random, lines = Random(seed), ["who,day,pieces,money"]
    for user in range(customers):
        rate, loss = random.gammavariate(0.55, 1 / 10.58), random.gammavariate(0.61, 1 / 11.67)
        week = random.uniform(0, joined)
        lost = week + random.expovariate(loss) if loss > 0 else weeks
        dear = random.lognormvariate(3.3, 0.6)
        while week < min(lost, weeks):
            day = LAST - timedelta(days=int(7 * (weeks - week)))
            lines.append(f"u{user},{day},{random.randrange(1, 4)},{dear * random.lognormvariate(0, 0.4):.2f}")
            week += random.expovariate(rate) if rate > 0 else weeks
    return lines


@pytest.mark.parametrize(("name", "users", "products"), [("nine", 9, 6), ("window", 60, 40), ("unpriced", 30, 12)])
def test_a_night_through_to_its_report(
    spark, tmp_path: Path, name: str, users: int, products: int, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture,
) -> None:  # fmt: skip
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path}/mlflow.db")
    for source, text in (("nine", NINE), ("window", WINDOW), ("unpriced", UNPRICED)):
        (tmp_path / f"{source}.yaml").write_text(text, encoding="utf-8")
    monkeypatch.setattr(spec.load, "__defaults__", (tmp_path,))
    deliver(tmp_path / "landing", some_events(users, products))
    s = Settings(LAST, FIRST, str(tmp_path / "wh"), name, str(tmp_path / "landing"), "r")
    items = "\n".join(f"p{item},thing {item}" for item in range(products + 20))
    (tmp_path / "landing" / "items.csv").write_text(f"item,title\n{items}\n", encoding="utf-8")
    os.utime(tmp_path / "landing" / "items.csv", (1_719_800_000,) * 2)
    night(spark, s, ROOT / "conf", tmp_path, checked=True)
    said = capsys.readouterr().out
    assert_published(s, users, products + 20 * (name == "window"))
    if name == "nine":
        assert {*column(USER_SEGMENTS, s, "segment_id")} == {1}
        assert "segment 1 (born): 9 users; any user" in said
        assert_killed_segments_end_the_same(spark, s)
    if name == "window":  # looks alone, and twenty products that nobody looked at
        assert "nobody buys: looks stand for purchases of 60 products" in said
        assert set(column(RECOMMENDATIONS, s, "rank")) == set(range(1, 11))
        assert "nobody bought or viewed" not in said
        assert {*column(RECOMMENDATIONS, s, "reason_kind")} <= {"popular", "looked at", "bought together", "model"}
    assert "no product is named" not in said
    assert "nothing is predicted as of 2024-06-30" in said


def assert_published(s: Settings, users: int, products: int) -> None:
    assert delta.count(s.warehouse, USER_SEGMENTS) == delta.count(s.warehouse, USER_PROFILES) == users
    assert (delta.count(s.warehouse, SILVER_PRODUCTS), delta.count(s.warehouse, RECOMMENDATIONS) > 0) == (
        products, products > 0
    )  # fmt: skip
    assert (Path(s.warehouse) / "_reports" / f"{LAST}.html").is_file()
    assert len(set(column(USER_SEGMENTS, s, "segment_id"))) > 1 or users < 25


def assert_killed_segments_end_the_same(spark, s: Settings) -> None:
    """`segment` begins again: killed behind its first table, and behind all but the last, it leaves the same tables."""
    whole = shutil.copytree(s.warehouse, f"{s.warehouse}-whole")
    with killed_after(0) as written:
        segment.run(spark, s)
    for commits in (1, len(written) - 1):
        with killed_after(commits), pytest.raises(Killed):
            segment.run(spark, s)
    segment.run(spark, s)
    assert not differences(whole, s.warehouse)


def column(table, s: Settings, name: str) -> list:
    return DeltaTable(table.path(s.warehouse)).to_pyarrow_table(columns=[name])[name].to_pylist()


def test_a_shop_of_one_product_is_told_who_comes_back(
    spark, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    """No product is named, so no category is bought in: that refuses the next categories, and nothing else."""
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path}/mlflow.db")
    (tmp_path / "classic.yaml").write_text(CLASSIC, encoding="utf-8")
    monkeypatch.setattr(spec.load, "__defaults__", (tmp_path,))
    deliver(tmp_path / "landing", pareto_nbd(1500))
    s = Settings(LAST, date(2023, 9, 1), str(tmp_path / "wh"), "classic", str(tmp_path / "landing"), "r")
    night(spark, s, ROOT / "conf", tmp_path, checked=True, past=True)
    said = capsys.readouterr().out
    assert_published(s, users=1500, products=0)
    assert "no product is named: there is nothing to learn" in said
    assert "refused: next_categories: 0 of 4,500 users who bought in a known category" in said
    trial = json.loads((tmp_path / "snapshots" / str(LAST) / "trial.json").read_text(encoding="utf-8"))["rows"]
    churn = next(row for row in trial if (row["prediction"], row["slice"]) == ("churn_28d", EVERYBODY))
    assert churn["auc"] > 0.75
    rows = DeltaTable(PREDICTIONS.path(s.warehouse)).to_pyarrow_table().to_pylist()
    told = [row for row in rows if row["slice"] in ("active", "lapsed")]
    assert len(told) > 1000
    assert all(row["churn_28d"] is not None and row["spend_28d"] is not None for row in told)
    assert {row["next_categories"] for row in rows} == {None}
    ago = LAST - timedelta(days=28)
    value.main(["--warehouse", s.warehouse, "--ds", str(ago), "--run-id", "r"])
    said = capsys.readouterr().out
    assert "| LDA topics k-means 12 | 1 | 0.0000 |" in said
    assert "| supervised tree 25 | 25 | 0.0000 |" in said
