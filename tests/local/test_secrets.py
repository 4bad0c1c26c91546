"""A secret is made once and is nobody else's to read."""

from __future__ import annotations

from local import secrets


def test_the_token_of_spark_is_made_once_and_is_nobody_elses(tmp_path, monkeypatch):
    monkeypatch.setattr(secrets, "RUN", tmp_path)
    token = secrets.spark_token()
    assert len(token) >= 32
    assert secrets.spark_token() == token
    assert (tmp_path / "spark-token").stat().st_mode & 0o077 == 0


def test_the_login_is_made_once_and_is_nobody_elses(tmp_path, monkeypatch):
    monkeypatch.setattr(secrets, "PASSWORDS", tmp_path / "airflow" / "passwords.json")
    password = secrets.password()
    assert len(password) >= 12
    assert secrets.password() == password
    assert secrets.PASSWORDS.stat().st_mode & 0o077 == 0
