"""Verbs as a person runs them: a process each, on one warehouse."""

from __future__ import annotations

import os
import subprocess
import sys

from jobs.conf import CONF


def test_the_second_verb_reads_what_the_first_one_wrote(tmp_path):
    (tmp_path / "UserBehavior.csv").write_text("1,11,2,pv,1511578800\n1,11,2,buy,1511578860\n2,12,2,steal,1511578860\n")
    night = ["--source", "taobao_userbehavior", "--landing", str(tmp_path), "--ds", "2017-11-25"]

    def jobs(verb: str, *given: str) -> str:
        command = [sys.executable, "-m", "jobs", verb, "--warehouse", str(tmp_path / "wh"), *given]
        environment = os.environ | {"HUAXIANG_ENGINE": "sail"}
        done = subprocess.run(command, cwd=CONF.parent, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    said = jobs("collect", *night)
    assert "events: rows_in 3, loaded 2, duplicates 0, quarantined 1" in said
    assert jobs("collect", *night).count("nothing new, every file is loaded") == 2
    assert jobs("clean", *night) == "clean 2017-11-25: 1 days: 2 events, 0 refused"
    query = "SELECT event_type, count(*) AS n FROM silver.events GROUP BY 1 ORDER BY 1"
    assert jobs("sql", query, "--format", "csv") == "event_type,n\npurchase,1\nview,1"
