"""The services listen on this machine only."""

from __future__ import annotations

from local import environment, services


def test_airflow_listens_on_this_machine_only():
    settings = environment.airflow_settings(8080)
    assert settings["AIRFLOW__API__HOST"] == "127.0.0.1"
    assert settings["AIRFLOW__CORE__LOAD_EXAMPLES"] == "False"
    for component in [*services.airflow({}), services.triggerer({})]:
        if component.name in ("scheduler", "triggerer"):
            assert "--skip-serve-logs" in component.command, "its log server would listen on every interface"


def test_mlflow_and_spark_listen_on_this_machine_only(tmp_path, monkeypatch):
    monkeypatch.setattr(services, "RUN", tmp_path)
    mlflow = services.mlflow({}, 5000).command
    assert mlflow[mlflow.index("--host") + 1] == "127.0.0.1"
    assert "spark.connect.grpc.binding.address=127.0.0.1" in services.spark({}, 15002).command
