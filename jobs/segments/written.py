"""Portraits that a language model words, where conf/language_model.yaml has one; ops.portraits keeps its answers."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from jobs.lake import delta
from jobs.language import Fact
from jobs.language.connection import LanguageModel
from jobs.language.writer import Writer
from jobs.settings import Settings
from jobs.tables import PORTRAITS

TEMPLATES = "templates"


def portraits(
    s: Settings, model: LanguageModel, facts: Mapping[int, Collection[Fact]], labels: Mapping[str, Collection[str]]
) -> dict[tuple[int, str], str]:
    """Texts by segment and language, where one was accepted; none without a model. labels: of all categories, by the
    languages that are asked for.
    """
    if not model.base_url:
        return {}
    accepted = delta.rows(s.warehouse, PORTRAITS, f"verdict = 'accepted' AND ds <= '{s.ds}'", "digest, answer")
    writer = Writer(model, {row["digest"]: row["answer"] for row in accepted})
    texts, answers = writer.write(facts, [*labels], labels)
    stamp = {"ds": s.ds, "run_id": s.run_id, "model": model.model}
    rows = [{name: getattr(answer, name) for name in answer.__dataclass_fields__} | stamp for answer in answers]
    if rows:
        delta.replace_rows(rows, s.warehouse, PORTRAITS, f"ds = '{s.ds}'")
    return texts
