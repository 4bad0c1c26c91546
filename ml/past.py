"""Days to learn from that are not there yet: python -m ml.past --warehouse W --ds 2017-12-01

Prints, oldest first and one a line, the days that `python -m ml.learn` would learn from as of ds (`cuts` of
conf/predictions.yaml) that have no gold.user_features or gold.user_sequences, though events reach back far enough: a
first load of a history writes them as of its last day alone. The training DAG runs `python -m jobs features` and
`python -m jobs sequences` for each of them.
"""

from __future__ import annotations

import datetime
from pathlib import Path

import pyarrow.compute as pc

from jobs.tables import USER_FEATURES, USER_SEQUENCES
from ml.common import lake
from ml.common.cli import entry, parser
from ml.data import events
from ml.data.outcomes import HORIZON
from ml.heads.heads import PredictionConfig


def missing(warehouse: str, ds: datetime.date, config: PredictionConfig) -> list[datetime.date]:
    """The days, oldest first; those with less than HORIZON days of events before them are left out."""
    tables = [lake.open_table(table, warehouse).to_pyarrow_dataset() for table in (USER_FEATURES, USER_SEQUENCES)]
    found = []
    for number in range(config.cuts, 0, -1):
        day = ds - datetime.timedelta(days=number * HORIZON)
        there = all(table.head(1, columns=["ds"], filter=pc.field("ds") == day).num_rows for table in tables)
        if not there and events.any_until(warehouse, day - datetime.timedelta(days=HORIZON)):
            found.append(day)
    return found


def main(argv: list[str] | None = None) -> None:
    said = parser(__doc__, "warehouse", "ds", "conf").parse_args(argv)
    conf: Path = said.conf
    for day in missing(said.warehouse, said.ds, PredictionConfig.load(conf)):
        print(day)


if __name__ == "__main__":
    entry(main)
