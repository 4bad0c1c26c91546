"""The morning page: in one language, what changed and why, what to do, whether all is well, who the segments are."""

from __future__ import annotations

import re
from datetime import date

import duckdb
import pandas as pd
import pytest

from jobs.errors import UsageError
from jobs.language import Labels, Pages, words
from jobs.publish import report
from jobs.publish.page import Page
from jobs.settings import Settings
from tests.jobs.language.test_portrait import EVERYONE, of_segment, segment

DS = date(2024, 3, 2)
SETTINGS = Settings(DS, DS, "wh", "shop", "landing", "r")
FILES = {"en": "2024-03-02.html", "zh": "2024-03-02.zh.html"}
RUN = ("SELECT 2100 AS users, 'shop' AS source, '1' AS model_version, 'r' AS run_id, 'abc' AS git_sha, 5 AS rows_in,"
       " 4 AS rows_loaded, 1 AS rows_duplicate, NULL::BIGINT AS rows_suppressed, 0 AS rows_quarantined,"
       " 3 AS checks_passed, 0 AS checks_warned")  # fmt: skip
MOVES = [(3, 7, "move", "behaviour", 1200), (3, 7, "move", "late data", 3), (None, 3, "enter", "behaviour", 5),
         (3, None, "exit", "erasure", 1)]  # fmt: skip


def row(number, name, name_zh, family, **how):
    """A row of gold.segments as DuckDB hands it to the page."""
    made = segment(number, **how)
    facts = [fact.row() for fact in of_segment(made, EVERYONE)]
    journeys = [{"path": "tea → ale", "path_zh": "茶 → 啤酒", "users": 9, "share": 0.09, "lift": 4.2}]
    return made | {
        "segment_id": number, "segment_name": name, "segment_name_zh": name_zh, "share": 0.05, "facts": facts,
        "name_parts": ["taste:CAT", "monetary_90d:low"], "family_id": family, "family_name": f"Family {family}",
        "family_name_zh": f"族{family}", "family_parts": ["monetary_90d:low"], "journeys": journeys, "rule": "rule",
        "rule_zh": "规则", "rule_fidelity": 0.7, "description": "told", "description_zh": "描述",
    }  # fmt: skip


def night(**more):
    values = ", ".join(str(move).replace("None", "NULL") for move in MOVES)
    names = "from_segment_id, to_segment_id, change, cause, users"
    segments = [row(3, "Cat food · light spenders", "猫粮·低消费", 1, returns=0.2),
                row(7, "Beer <b> · night owls", "啤酒·深夜购物", 2)]  # fmt: skip
    return {
        "run": duckdb.sql(RUN).df(), "before": duckdb.sql("SELECT DATE '2024-03-01' AS ds").df(),
        "changes": duckdb.sql(f"FROM (VALUES {values}) AS t({names})").df(), "segments": pd.DataFrame(segments),
    } | more  # fmt: skip


def page(code, files=FILES, **more):
    """The text of a page, its tags as line ends."""
    told = Page(SETTINGS, night(**more), code, Labels({"CAT": "cat food"}, {}))
    made = report.render(told, {}, files)
    body = made[made.index("<main>") :]
    return made, [line.strip() for line in re.split(r"<[^>]*>|\n", body) if line.strip()]


def test_a_page_has_one_language_and_a_link_to_the_other():
    english, chinese = page("en"), page("zh")
    assert '<a href="2024-03-02.zh.html" hreflang="zh" lang="zh">中文</a>' in english[0]
    assert '<a href="2024-03-02.html" hreflang="en" lang="en">English</a>' in chinese[0]
    foreign = [line for line in english[1] if re.search("[一-鿿]", line)]
    assert foreign == ["中文"]
    assert "What changed, and why" not in chinese[1]
    assert "有什么变化，为什么" in chinese[1]


def test_it_says_who_moved_and_why():
    _, lines = page("en")
    assert (
        "Since 2024-03-01, 1,203 of 2,100 customers changed their segment, 5 arrived and 1 left."
        " Why: 1,205 by what they did, 3 by late data and 1 by erasure."
    ) in lines
    flow = lines.index("Cat food · light spenders → Beer &lt;b&gt; · night owls")
    assert lines[flow + 1] == "1,203"
    moves = lines[lines.index("All moves") :]
    assert moves[5:9] == ["Cat food · light spenders", "Beer &lt;b&gt; · night owls", "what they did", "1,200"]
    assert moves[13:17] == ["–", "Cat food · light spenders", "what they did", "5"]
    assert moves[17:21] == ["Cat food · light spenders", "–", "erasure", "1"]


def test_a_first_night_is_held_against_nothing():
    _, lines = page("en", before=pd.DataFrame(), changes=pd.DataFrame())
    assert words("en").page["first"] in lines


def test_it_turns_to_the_segments_with_most_at_stake_first():
    _, lines = page("en")
    first = lines.index(words("en").page["turn_first"])
    assert lines[first + 1] == "Cat food · light spenders"
    assert "at stake" in lines[first + 2]


def test_health_is_told_by_the_gravest_flag():
    names = ["table", "column", "expectation", "severity", "threshold", "observed"]
    flags = pd.DataFrame(
        [
            (
                "gold.x",
                "a",
                "expect_column_values_to_not_be_null",
                "warning",
                "mostly=0.9",
                "1725 of 27364 rows (6.3 %)",
            ),
            ("gold.x", None, "e", "info", "t", "o"),
        ],
        columns=names,
    )
    made, lines = page("en", flags=flags)
    assert '<span class="state warning">1 flagged</span>' in made
    assert "gold.x.a: values are missing, 1,725 of 27,364 rows (6%)" in lines
    assert 'title="expect_column_values_to_not_be_null (mostly=0.9)"' in made
    assert "gold.x: e, o" in lines
    _, chinese = page("zh", flags=flags)
    assert "gold.x.a：有缺失值，27,364行中的1,725行（6%）" in chinese
    assert "Notes: 1" in lines
    assert "5 records came in: 4 loaded, 1 already there; 0 in quarantine" in " ".join(lines)
    assert "erased" not in made


def test_each_segment_has_its_portrait_behind_a_click():
    made, lines = page("en")
    assert made.count('<details class="segment"') == 2
    assert {"Family 1", "Family 2"} <= {*lines}
    assert "told" in lines
    older = page("en", segments=pd.DataFrame([row(3, "A", "甲", None) | {"facts": None, "name_parts": None}]))
    assert "told" in older[1], "a night of before there were facts keeps its description"


def test_a_further_language_is_a_file_alone():
    """Spanish: every word of the page is of its file, but for the shop's own."""
    tags = pd.DataFrame([("deal seeker", "rule", 7, 0.1, None), ("Cat food · light spenders", "mined", 9, 0.2, 0.1)],
                        columns=["tag", "kind", "users", "coverage", "previous_coverage"])  # fmt: skip
    offers = pd.DataFrame([("p", "LAMP", 0.2, "buy again", "You bought it"), ("q", "LAMP", 0.1, "model", "Fits")],
                          columns=["product_id", "title", "score", "reason_kind", "reason"])  # fmt: skip
    conditions = [{"term": "monetary_90d", "low": 1200.0, "high": None}, {"term": "dept:CAT", "low": None, "high": 0.3}]
    rules = pd.DataFrame([{"segment_id": 3, "conditions": conditions}])
    gone = {"status": "died", "description": "Ended with", "successors": [7], "model_version": "2", "left": 40}
    ended = pd.DataFrame([row(9, "Tea", "茶", None) | gone])
    more = {"tags": tags, "offers": offers, "rules": rules, "ended": ended}
    _, lines = page("es", {"en": "a.html", "es": "a.es.html"}, **more)
    assert {"Qué ha cambiado y por qué", "Cat food · gasto bajo", "Gasto bajo", "busca ofertas", "ya lo compró"} <= {
        *lines
    }
    assert {"Lamp (p)", "Lamp (q)"} <= {*lines}
    assert "gasto en 90 días por encima de 1.200; parte del gasto en cat food como mucho 30%" in lines
    assert (
        "Terminó con la versión 2 del modelo; la mayoría de sus 40 clientes pasó a 7."
        in lines[lines.index("Terminados") + 1]
    )
    english, spanish = (
        set(re.findall(r"[^\W\d_]{3,}", str(words(code).model_dump()).casefold())) for code in ("en", "es")
    )
    english -= spanish | {"cat", "food", "english", "beer", "shop", "lamp"}  # words of the shop, and the link
    found = {word for line in lines for word in re.findall(r"[^\W\d_]{3,}", line.casefold())}
    assert found & english == set()


def test_a_further_language_has_the_shop_s_names_where_they_are_given():
    """Some categories and an audience have a Spanish name, the others stay English; a model's text goes first."""
    labels = Labels({"CAT": "tea", "ALE": "beer", "MEAT": "beef"}, {}, further={"es": {"CAT": "té", "MEAT": "vaca"}})
    columns = ["audience_id", "name", "name_zh", "description", "description_zh", "size", "entered", "left", "refused"]
    audiences = pd.DataFrame([("a", "Deal seekers", "甲", "x", "x", 5, 0, 0, None),
                              ("b", "Best ones", "乙", "x", "x", 5, 0, 0, None)], columns=columns)  # fmt: skip
    written = pd.DataFrame([(3, "es", "Son {{size}} clientes de {{taste_1.name}}.")],
                           columns=["segment_id", "language", "answer"])  # fmt: skip
    more = {"audiences": audiences, "written": written, "overlaps": pd.DataFrame()}
    told = Page(SETTINGS, night(**more), "es", labels, {"a": {"es": {"name": "Buscan ofertas"}}})
    assert told.names[3] == "Té · gasto bajo"
    assert [one["name"] for one in told.todo()["audiences"]] == ["Buscan ofertas", "Best ones"]
    portraits = {one["id"]: one["portrait"] for family in told.families() for one in family["segments"]}
    assert portraits[3] == "Son 100 clientes de vaca."
    assert "beer" in portraits[7]
    assert labels.called("ALE", "es") == "beer"


def test_the_first_language_of_the_setting_has_the_plain_name(tmp_path):
    file = tmp_path / "pages.yaml"
    file.write_text("languages: [zh, en]")
    assert Pages.load(file).files(DS) == {"zh": "2024-03-02.html", "en": "2024-03-02.en.html"}
    file.write_text("languages: [tlh]")
    with pytest.raises(UsageError, match=r"expected languages of en, es, zh in .*found tlh"):
        Pages.load(file)
