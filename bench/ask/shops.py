"""The made-up shop that sentences are asked of, beside the demo, whose users only buy: these browse and search."""

from __future__ import annotations

from collections.abc import Callable

import duckdb
from deltalake import DeltaTable, write_deltalake

from bench import addressed, builds, measure, ways
from bench.ask.sentences import NIGHTS
from bench.builds import Place
from jobs.tables import SILVER_USERS, USER_FEATURES, USER_PROFILES
from simulate import plan

PLAN = plan.made(150_000, days=220, users=800, seed=1, ds=NIGHTS["simulate"])
_SAID = ("age_band", "gender", "region", "marketing_consent", "attributes")  # by the user's record
_TOLD = ("recency_days", "frequency_90d", "monetary_90d", "monetary_365d")  # by what he did


def made_up(where: Place, say: Callable[[str], None]) -> str:
    """Load the raw files of PLAN and profile their users by what is known without a model; the warehouse."""
    with ways.opened("sail", where.folder) as way:
        for verb in ("collect", "clean", "features"):
            cost = measure.run(builds.verb(where, verb, PLAN.first, PLAN.ds), way.env, where.folder)
            say(f"{verb}: {cost.seconds:.0f} s (CPU {cost.cpu_seconds:.0f} s)")
    profiled(str(where.warehouse))
    return str(where.warehouse)


def profiled(warehouse: str) -> None:
    """Write gold.user_profiles of the night: what records say and days sum up, without segments and predictions."""
    known = {name: f"u.{name}" for name in _SAID} | {name: f"f.{name}" for name in _TOLD}
    known |= {"user_id": "f.user_id", "ds": "f.ds", "run_id": "f.run_id"}
    with duckdb.connect() as connection:
        for name, table in (("u", SILVER_USERS), ("f", USER_FEATURES)):
            connection.register(name, DeltaTable(table.path(warehouse)).to_pyarrow_dataset())
        rows = connection.sql(f"SELECT {addressed.cells(USER_PROFILES, **known)} FROM f LEFT JOIN u USING (user_id)")
        write_deltalake(USER_PROFILES.path(warehouse), rows.to_arrow_reader(100_000))
