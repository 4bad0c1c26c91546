"""Which Java serves, which arguments a run takes, and what is said where something is missing."""

from __future__ import annotations

import pytest

from local import java, run
from local.places import SetupError


@pytest.mark.parametrize(
    ("said", "version"),
    [
        ('openjdk version "17.0.12" 2024-07-16', 17),
        ('openjdk version "21" 2023-09-19', 21),
        ('java version "1.8.0_401"', 8),
        ('openjdk version "25-ea" 2025-09-16', 25),
        ("command not found", None),
    ],
)
def test_version_of_java(said, version):
    assert java.major_version(said) == version


def fake_java(home, version: str):
    binary = home / "bin" / "java"
    binary.parent.mkdir(parents=True)
    binary.write_text(f"#!/bin/sh\necho 'openjdk version \"{version}\"' >&2\n")
    binary.chmod(0o755)
    return home


def test_the_first_java_that_spark_takes(tmp_path, monkeypatch):
    old, good, new = (fake_java(tmp_path / v, v) for v in ("1.8.0", "17.0.1", "25"))
    monkeypatch.setattr(java, "homes", lambda: iter([old, new, good]))
    assert java.find() == good


def test_no_java_and_no_network_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setattr(java, "homes", lambda: iter([fake_java(tmp_path, "25")]))
    monkeypatch.setattr("cjdk.java_home", lambda **_: (_ for _ in ()).throw(OSError("no route to host")))
    with pytest.raises(SetupError, match=r"found Java 25 .*no route to host.*install Java 17"):
        java.find()


def test_nothing_is_fetched_where_only_the_java_of_the_machine_is_asked_for(tmp_path, monkeypatch):
    monkeypatch.setattr(java, "homes", lambda: iter([fake_java(tmp_path, "25")]))
    monkeypatch.setattr("cjdk.java_home", lambda **_: pytest.fail("a Java was fetched"))
    with pytest.raises(SetupError, match=r"found Java 25 .*install Java 17"):
        java.find(fetch=False)


def test_a_bare_run_loads_the_history_and_a_night_alone_is_one_night():
    bare = run.arguments([])
    assert (bare.ds, bare.since) == ("2017-12-01", "2017-01-01")
    night = run.arguments(["--ds", "2017-12-02"])
    assert (night.ds, night.since) == ("2017-12-02", "")


@pytest.mark.parametrize(
    ("line", "text"),
    [
        (["--ds", "yesterday"], "DS as YYYY-MM-DD, found 'yesterday'"),
        (["--ds", "2017-12-01", "--since", "2017-12-02"], "SINCE not after DS"),
        (["--source", "nosuch"], "SOURCE to be one of .*complete_journey"),
    ],
)
def test_a_wrong_argument_is_named(line, text):
    with pytest.raises(SetupError, match=text):
        run.arguments(line)
