"""What is said of an audience's file whose predicate or examples do not hold, before a night is spent on it."""

from __future__ import annotations

import json

import pytest
import yaml
from pydantic import ValidationError
from pyspark.errors import PySparkException

from jobs.audiences import validate
from jobs.audiences.book import Book
from jobs.audiences.definition import Definition
from jobs.errors import DataError, UsageError

SAID = {"name": "A", "name_zh": "甲", "description": "x", "description_zh": "x", "owner": "crm"}


def loaded(folder, where: str) -> Book:
    (folder / "a.yaml").write_text(yaml.safe_dump(SAID | {"where": where}, allow_unicode=True), encoding="utf-8")
    return Book.load(folder)


def test_an_audience_has_names_in_languages_that_there_are(tmp_path):
    """They stand beside who is in it, which they do not change."""
    plain = Definition.model_validate(SAID | {"where": "recency_days < 3"})
    spoken = Definition.model_validate(SAID | {"where": "recency_days < 3", "name_es": "Fieles"})
    assert spoken.further == {"es": {"name": "Fieles"}}
    assert spoken.meaning() == plain.meaning()
    with pytest.raises(ValidationError, match="name_tlh"):
        Definition.model_validate(SAID | {"where": "recency_days < 3", "name_tlh": "HIq"})


@pytest.mark.parametrize(
    ("where", "said"),
    [
        ("monetary_365 >= 100", "found 'monetary_365'; did you mean 'monetary_365d'"),
        ("monetary_365d", r"expected a condition \(boolean\), found decimal"),
        ("count(*) > 3", "found an aggregate or a window"),
        ("row_number() OVER (ORDER BY user_id) < 3", "found an aggregate or a window"),
        ("user_id IN (SELECT user_id FROM other)", "found a query"),
        ("user_id IN (VALUES ('a'))", "found a query"),
        ("rand() < 0.1", "same answer whenever the night is run, found rand"),
        ("ds > current_date", "same answer whenever the night is run, found current_date"),
        ("reflect('java.lang.System', 'exit', 1) = ''", "found 'reflect'"),
        ("cast(age_band AS int) > 3", "expected try_cast, found CAST"),
        ("nosuch(age_band)", "expected a function of the list, found 'nosuch'"),
        ("array_contain(tags, 'a')", "found 'array_contain'; did you mean 'array_contains'"),
        ("monetary_365d / recency_days > 3", r"expected try_divide\(a, b\), found monetary_365d / recency_days"),
        ("age_band = ", "found what is no SQL, at the end of age_band ="),
        ("tags > 3", "the texts tags and the number 3"),
    ],
)
def test_a_predicate_that_is_none_says_file_key_and_why(tmp_path, where, said):
    with pytest.raises(UsageError, match=rf"a\.yaml is not a valid audience: where: .*{said}") as refused:
        loaded(tmp_path, where)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    "where",
    [
        "segment_name = 'now() we SELECT -- them'",
        "try_cast(age_band AS int) > 3",
        "array_contains(tags, 'win back') OR attributes['size'] = 'L'",
        "ds >= DATE'2017-01-01'",
        "try_divide(monetary_365d, recency_days) > 3",
    ],
)
def test_good_predicates_are_let_through(spark, tmp_path, where):
    validate.validate(spark, loaded(tmp_path, where))


def test_a_predicate_that_an_older_version_let_through_is_none_of_the_last_night():
    """ops.runs keeps it; the night goes on without the last night's definitions."""
    former = {"a": SAID | {"where": "rfm_class = 555"}, "b": SAID | {"where": "true"}}
    assert len(Book.of_text(json.dumps(former))) == 0


def test_what_the_engine_refuses_is_said_of_the_audience(spark, monkeypatch):
    monkeypatch.setattr(validate, "condition", lambda where, table: "nosuch(user_id)")
    book = Book.of({"a": Definition.model_validate(SAID | {"where": "true"})})
    with pytest.raises(UsageError, match=r"^audience a: where: [^\n]*nosuch[^\n]*$"):
        validate.validate(spark, book)


def test_what_cannot_be_computed_of_a_row_is_no_stack_trace():
    with pytest.raises(DataError, match="DIVIDE_BY_ZERO; write try_divide"), validate.computed():
        raise PySparkException(message="Division by zero", errorClass="DIVIDE_BY_ZERO")
