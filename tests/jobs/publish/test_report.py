"""The morning page: what a reader is told of who came and who left."""

from __future__ import annotations

import re
from datetime import date

import duckdb

from jobs.publish import report
from jobs.settings import Settings

DS = date(2024, 3, 2)
RUN = ("SELECT 2 AS users, 'shop' AS source, '1' AS model_version, 'r' AS run_id, 'abc' AS git_sha, 5 AS rows_in,"
       " 4 AS rows_loaded, 1 AS rows_duplicate, NULL::BIGINT AS rows_suppressed, 0 AS rows_quarantined,"
       " 3 AS checks_passed, 0 AS checks_warned")  # fmt: skip


def test_who_enters_comes_from_no_segment_and_who_leaves_goes_to_none():
    moves = [(3, 7, "move", "behaviour", 1200), (None, 3, "enter", "behaviour", 5), (3, None, "exit", "erasure", 1)]
    values = ", ".join(str(row).replace("None", "NULL") for row in moves)
    names = "from_segment_id, to_segment_id, change, cause, users"
    night = {"run": duckdb.sql(RUN).df(), "changes": duckdb.sql(f"FROM (VALUES {values}) AS t({names})").df()}
    page = report.render(Settings(DS, DS, "wh", "shop", "landing", "r"), night, {})
    assert "5 delivered = 4 loaded" in page
    assert "erased users" not in page
    table = page[page.index("<th>from ") :]
    rows = re.sub(r"</?span.*?>| class=.n.", "", table).split("<tr>")[1:4]
    found = [re.findall(r"<td>(.*?)</td>", row) for row in rows]
    assert found == [
        ["3", "7", "move 流转", "behaviour 行为", "1,200"],
        ["–", "3", "enter 进入", "behaviour 行为", "5"],
        ["3", "–", "exit 离开", "erasure 删除", "1"],
    ]
