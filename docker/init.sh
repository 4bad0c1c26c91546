#!/usr/bin/env bash
# Runs once before the services, and again at every `up` (each step may be repeated): the metadata tables, the pools
# that the DAGs name, and the login of the UI.
set -euo pipefail

airflow db migrate
airflow pools set spark "${HUAXIANG_POOL_SPARK:-1}" "Spark sessions at a time"
airflow pools set torch "${HUAXIANG_POOL_TORCH:-1}" "PyTorch processes at a time"

: "${HUAXIANG_UI_PASSWORD:?expected the UI password in HUAXIANG_UI_PASSWORD}"
(
    umask 077
    python -c 'import json, os; print(json.dumps({"admin": os.environ["HUAXIANG_UI_PASSWORD"]}))' \
        > "$AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE"
)
echo "ready: metadata tables, pools spark and torch, login admin"
