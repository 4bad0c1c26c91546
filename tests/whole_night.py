"""A whole night by its verbs, in the order of dags/nightly.py, in one process; it trains where there is no champion."""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path

from jobs.audiences import run as audiences
from jobs.checks import run as checks
from jobs.clean import run as clean
from jobs.collect import run as collect
from jobs.features import run as features
from jobs.features import sequences
from jobs.publish import report
from jobs.publish import run as publish
from jobs.segments import run as segment
from jobs.settings import Settings
from jobs.tables import (
    AUDIENCE_TABLES,
    BRONZE_EVENTS,
    BRONZE_PRODUCTS,
    BRONZE_USERS,
    PREDICTIONS,
    RECOMMENDATIONS,
    SEGMENT_TABLES,
    SILVER_EVENTS,
    SILVER_PRODUCTS,
    SILVER_REFUNDS,
    SILVER_USERS,
    USER_FEATURES,
    USER_SEQUENCES,
)
from ml import champion, encode, evaluate, gate, learn, predict, recommend, register, snapshot, train
from ml.heads import days
from ml.heads.settings import PredictionConfig


def night(spark, s: Settings, conf: Path, home: Path, *, checked: bool = False, past: bool = False) -> None:
    """conf: with settings of segments; home: for the snapshot; checked: with the checks between, up to the report;
    past: with the days that predictions are learned from.
    """

    def check(*tables) -> None:
        if checked:
            checks.run(nullcontext(spark), s, [table.full_name for table in tables])

    collect.run(spark, s)
    check(BRONZE_EVENTS, BRONZE_USERS, BRONZE_PRODUCTS)
    clean.run(spark, s)
    check(SILVER_EVENTS, SILVER_USERS, SILVER_PRODUCTS, SILVER_REFUNDS)
    for verb, written in ((sequences, USER_SEQUENCES), (features, USER_FEATURES)):
        verb.run(spark, s)
        check(written)
    place = ["--warehouse", s.warehouse, "--ds", str(s.ds)]
    if champion.main(["--warehouse", s.warehouse, "--missing"]) != champion.SKIP:
        for day in days.missing(s.warehouse, s.ds, PredictionConfig.load(conf)) if past else ():
            for verb in (features, sequences):
                verb.run(spark, replace(s, ds=day, since=day))
        folder = str(home / "snapshots" / str(s.ds))
        snapshot.main([*place, "--snapshot", folder, "--preset", "debug"])
        for module in (train, evaluate, learn, gate):
            module.main(["--snapshot", folder])
        register.main(["--warehouse", s.warehouse, "--snapshot", folder, "--conf", str(conf)])
    encode.main([*place, "--run-id", s.run_id])
    for module, table in ((predict, PREDICTIONS), (recommend, RECOMMENDATIONS.staged())):
        module.main([*place, "--run-id", s.run_id])
        check(table)
    segment.run(spark, s)
    check(*(table.staged() for table in SEGMENT_TABLES))
    if checked:
        audiences.run(spark, s)
        check(*(table.staged() for table in AUDIENCE_TABLES))
        publish.run(spark, s)
        report.run(s)
