"""How good predictions were, once their 28 days are over: python -m ml.accuracy --warehouse W --ds 2017-09-30

Holds gold.predictions of ds against what happened; replaces ops.prediction_accuracy at ds; reliability curves go to
MLflow where it is set. Where ds + 28 is not loaded yet it is an error (exit 3); where nothing was predicted as of ds,
there is nothing to score (exit 0).
"""

from __future__ import annotations

import pyarrow as pa

from jobs.tables import PREDICTION_ACCURACY, PREDICTIONS
from ml.common import lake
from ml.common.cli import entry, parser
from ml.data import outcomes
from ml.measures.predictions import SCORED, line, log, scores


def main(argv: list[str] | None = None) -> None:
    args = parser(__doc__, "warehouse", "ds")
    args.add_argument("--run-id", default="by-hand", help="the run that the rows are written by")
    said = args.parse_args(argv)
    table = PREDICTIONS
    if not lake.exists(table, said.warehouse):
        print(f"{table.full_name} is not there yet: nothing to score")
        return
    predictions = lake.read(lake.open_table(table, said.warehouse), SCORED, said.ds).sort_by("user_id")
    if not predictions.num_rows or predictions["churn_28d"].null_count == predictions.num_rows:
        print(f"nothing was predicted as of {said.ds}: nothing to score")
        return
    truth = outcomes.read(said.warehouse, said.ds, predictions["user_id"].combine_chunks())
    rows = scores(predictions, truth)
    stamp = {"ds": said.ds, "model_version": predictions["model_version"][0].as_py(), "run_id": said.run_id}
    schema = lake.arrow_schema(PREDICTION_ACCURACY)
    batch = pa.RecordBatch.from_pylist([row | stamp for row in rows], schema)
    lake.write_partition(PREDICTION_ACCURACY, said.warehouse, str(said.ds), [batch])
    print("\n".join(line(row) for row in rows))
    print(log(rows, said.ds))


if __name__ == "__main__":
    entry(main)
