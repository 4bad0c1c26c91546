"""What a night stages: in files by the number of its users, beside those of other nights."""

from __future__ import annotations

from datetime import date

from pyspark.sql import functions as F

from jobs.lake import delta, engine, staging, upkeep
from jobs.settings import Settings
from jobs.tables import USER_FEATURES, USER_SEGMENTS

NIGHT, NEXT = date(2024, 3, 1), date(2024, 3, 2)


def test_a_night_of_many_users_is_staged_in_several_files(spark, tmp_path, monkeypatch):
    home, room = str(tmp_path), USER_SEGMENTS.staged()
    monkeypatch.setattr(staging, "USERS_A_FILE", 2)
    rows = [dict.fromkeys(USER_SEGMENTS.column_names) | {"user_id": f"u{n}", "reasons": []} for n in range(5)]
    for ds, users in ((NIGHT, 1), (NEXT, 5)):
        known = [dict.fromkeys(USER_FEATURES.column_names) | {"user_id": f"u{n}", "ds": ds} for n in range(users)]
        delta.replace_rows(known, home, USER_FEATURES, f"ds = '{ds}'")
        here = spark.createDataFrame(rows[:users], USER_SEGMENTS.ddl).withColumn("ds", F.lit(ds)).repartition(4)
        before = upkeep.file_count(home, room) if delta.exists(home, room) else 0
        staging.put(here, Settings(ds, ds, home, "shop", "", "r"), USER_SEGMENTS)
        written = upkeep.file_count(home, room) - before
        assert 1 <= written <= -(-users // 2) if engine.is_sail() else written == -(-users // 2)
    staged = {ds: sorted(r["user_id"] for r in delta.rows(home, room, f"ds = '{ds}'")) for ds in (NIGHT, NEXT)}
    assert staged == {NIGHT: ["u0"], NEXT: ["u0", "u1", "u2", "u3", "u4"]}
