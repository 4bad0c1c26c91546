"""How good predictions were, once their 28 days are over: python -m ml.accuracy --warehouse W --ds 2017-09-30

Holds gold.predictions of ds against what happened; replaces ops.prediction_accuracy at ds; reliability curves go to
MLflow where it is set. Where ds + 28 is not loaded yet it is an error (exit 3); where nothing was predicted as of ds,
there is nothing to score (exit 0).
"""

from __future__ import annotations

from jobs.tables import PREDICTION_ACCURACY, PREDICTIONS
from ml.common import lake
from ml.common.cli import entry, parser
from ml.common.runs import log_night
from ml.data import outcomes
from ml.measures.predictions import SCORED, line, logged, scores
from ml.measures.report import reliability_picture


def main(argv: list[str] | None = None) -> None:
    args = parser(__doc__, "warehouse", "ds", "by-hand").parse_args(argv)
    where, ds = args.warehouse, args.ds
    if not lake.exists(PREDICTIONS, where):
        print(f"{PREDICTIONS.full_name} is not there yet: nothing to score")
        return
    predictions = lake.read(lake.open_table(PREDICTIONS, where), SCORED, ds).sort_by("user_id")
    if not predictions.num_rows or predictions["churn_28d"].null_count == predictions.num_rows:
        print(f"nothing was predicted as of {ds}: nothing to score")
        return
    truth = outcomes.read(where, ds, predictions["user_id"].combine_chunks())
    rows = scores(predictions, truth)
    stamp = {"ds": ds, "model_version": predictions["model_version"][0].as_py(), "run_id": args.run_id}
    lake.write_rows(PREDICTION_ACCURACY, where, str(ds), [row | stamp for row in rows])
    print("\n".join(line(row) for row in rows))
    figures = {"reliability.png": lambda: reliability_picture(rows, f"predictions of {ds}, live")}
    print(log_night("accuracy", where, ds, logged(rows, "live"), figures=figures))


if __name__ == "__main__":
    entry(main)
