"""audience ask "SENTENCE": the definition that a sentence asks for, how many hold it, what became of each part."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from jobs.audiences import members, validate
from jobs.audiences.ask import draft
from jobs.audiences.ask.answer import Answer
from jobs.audiences.behaviour import with_behaviour
from jobs.audiences.book import FOLDER, Book
from jobs.audiences.definition import Definition, Suppression
from jobs.audiences.people import with_last_night, with_lookalikes
from jobs.errors import UsageError
from jobs.lake import delta
from jobs.settings import Settings
from jobs.tables import USER_PROFILES


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is asked for beside the sentence: one JSON object, a file of the ids, the definition into conf/audiences."""

    as_json: bool = False
    ids: Path | None = None
    write: bool = False


def asked(spark: SparkSession, s: Settings, sentence: str, answer: Answer, wanted: Wanted) -> str:
    """The answer as a text, with the size of its rule; files are written as wanted."""
    if answer.rule is None:
        raise ValueError("expected an answer with a rule")
    document = draft.document(sentence, answer.rule)
    one = draft.identity(sentence)
    target = FOLDER / f"{one}.yaml"
    if wanted.write and target.exists():
        raise UsageError(f"{target} is there already; rename it, or write the definition beside it by hand")
    with validate.computed():
        document = held(spark, one, document)
        holders = who(spark, s, one, draft.definition_of(document))
        ids = [row["user_id"] for row in holders.orderBy("user_id").collect()] if wanted.ids else None
        size = len(ids) if ids is not None else holders.count()
    if wanted.ids is not None and ids is not None:
        wanted.ids.write_text("".join(f"{one}\n" for one in ids), encoding="utf-8")
    if wanted.write:
        target.write_text(draft.yaml_of(document), encoding="utf-8")
    said = as_json(answer, document, size) if wanted.as_json else shown(answer, document, size)
    return said if wanted.as_json or not wanted.write else f"{said}\n\nwritten to {target}"


def held(spark: SparkSession, one: str, document: dict[str, Any]) -> dict[str, Any]:
    """The document with those of its examples that hold; the definition is validated as any other."""
    book = Book.load()
    others = {other: book[other] for other in book if other != one}
    if "examples" in document:
        kept: dict[str, list] = {}
        for kind, listed in document["examples"].items():
            kept[kind] = [one_more for one_more in listed if _obeyed(spark, one, document, kind, one_more)]
        document = {key: value for key, value in document.items() if key != "examples"}
        document |= {"examples": {kind: good for kind, good in kept.items() if good}} if any(kept.values()) else {}
    validate.validate(spark, Book.of(others | {one: draft.definition_of(document)}), examples=False)
    return document


def _obeyed(spark: SparkSession, one: str, document: dict[str, Any], kind: str, example: dict[str, Any]) -> bool:
    """Whether an example can be told, and comes out as it says."""
    try:
        definition = draft.definition_of(document | {"examples": {kind: [example]}})
    except ValidationError:
        return False
    return not validate.disobeyed(spark, Book.of({one: definition}))


def who(spark: SparkSession, s: Settings, one: str, definition: Definition) -> DataFrame:
    """user_id of those for whom the rule holds on the published night, whatever keeps them out of an audience."""
    others = Book.load()
    alone = definition.model_copy(update={"suppress": Suppression(consent="any")})
    book = Book.of({other: others[other] for other in others if other != one} | {one: alone})
    needed = book.with_needs({one})
    people = delta.read(spark, s.warehouse, USER_PROFILES).where(f"ds = DATE'{s.ds}'")
    rows = with_behaviour(spark, s, with_last_night(spark, s, people, book, s.ds), [needed], s.ds)
    rows, found = with_lookalikes(spark, s, rows, book, {other for other in needed if book[other].lookalike})
    alike = {other for other, made in found.items() if made.members is not None}
    evaluated = members.evaluate(rows.where("here"), needed, "now", alike=alike, ds=s.ds)
    return evaluated.where(F.coalesce(members.has("now", one), F.lit(False))).select("user_id")


def as_json(answer: Answer, document: dict[str, Any] | None, size: int | None) -> str:
    """One object: definition, size, parts, left_out, readings."""
    found = {
        "definition": document, "size": size, "parts": [asdict(part) for part in answer.parts],
        "left_out": [asdict(part) for part in answer.left_out], "readings": [asdict(one) for one in answer.readings],
    }  # fmt: skip
    return json.dumps(found, ensure_ascii=False, default=str)


def shown(answer: Answer, document: dict[str, Any] | None, size: int | None) -> str:
    """The answer as a terminal shows it."""
    lines = []
    if document is not None:
        lines += [draft.yaml_of(document).rstrip(), "", f"size: {size:,} users"]
    lines += [f"understood: {part.text} -> {part.means}" for part in answer.parts]
    lines += [f"not understood: {part.text} -> {part.means}" for part in answer.left_out]
    if answer.rule is None:
        for number, one in enumerate(answer.readings, start=1):
            lines += ["", f"reading {number}: {one.says}", draft.yaml_of({"rule": one.rule}).rstrip()]
    return "\n".join(lines)


def told(answer: Answer, wanted: Wanted) -> None:
    """What comes of a sentence without a rule, on standard output."""
    print(as_json(answer, None, None) if wanted.as_json else shown(answer, None, None), file=sys.stdout)
