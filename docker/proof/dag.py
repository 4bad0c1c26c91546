"""A DAG for compose.py beside it only: one task a way of working, through every service of the composition."""

from __future__ import annotations

import os
from pathlib import Path

from airflow.providers.apache.spark.operators.spark_submit import SparkSubmitOperator
from airflow.providers.standard.operators.bash import BashOperator
from airflow.sdk import DAG

# As the nightly DAG does: no jars in the dag-processor's image, all in the scheduler's.
JARS = sorted(Path(os.environ.get("HUAXIANG_JARS", "none")).glob("*.jar"))
TRAIN = """
import pathlib, mlflow, torch
mlflow.set_experiment("prove")
with mlflow.start_run():
    mlflow.log_metric("sum", float(torch.arange(1000).sum()))
    pathlib.Path("/tmp/note.txt").write_text("kept by the server")
    mlflow.log_artifact("/tmp/note.txt")
"""

with DAG("prove", schedule=None, is_paused_upon_creation=False):
    spark = SparkSubmitOperator(
        task_id="spark",
        conn_id="spark_huaxiang",
        pool="spark",
        application="/opt/huaxiang/docker/proof/spark.py",
        application_args=["/data/warehouse/prove/numbers"],
        jars=",".join(map(str, JARS)) or None,
        conf={"spark.ui.enabled": "false"},
    )
    train = BashOperator(
        task_id="train", pool="torch", bash_command='python -c "$CODE"', env={"CODE": TRAIN}, append_env=True
    )
    spark >> train
