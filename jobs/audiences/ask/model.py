"""`audience ask --model`: a language model proposes a rule, and is believed where nothing speaks against it.

It thinks aloud first, and is held to a form only at the end: a model that has to write the form at once writes valid
rules that mean something else. Where it fails, the grammar's answer stands.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from jobs.audiences.ask import dictionary
from jobs.audiences.ask.answer import Answer, Part, Reading
from jobs.audiences.ask.proposal import Proposal, RefusedError, block, held, parsed
from jobs.audiences.ask.vocabulary import Vocabulary
from jobs.errors import UsageError
from jobs.lake import delta
from jobs.language.connection import Connection, LanguageModel, UnansweredError
from jobs.settings import Settings
from jobs.tables import ASKED

TRIES = 2
_LATE = "Write now the block of JSON alone."


@dataclass(frozen=True, slots=True)
class Exchange:
    """What a model was asked and answered. verdict: accepted, refused or failed; proposal: where it was accepted."""

    digest: str
    sentence: str
    answer: str
    verdict: str
    faults: list[str]
    proposal: Proposal | None = None


def ask(s: Settings, sentence: str, known: Vocabulary, offline: Answer) -> tuple[Answer, str]:
    """The answer by the model of conf/language_model.yaml and the grammar (`offline`), and what became of the model's
    proposal, in words. ops.asked keeps it, so that nothing is asked twice. UsageError where no model is set.
    """
    config = configured()
    digest = _digest(_messages(sentence, known, offline), config)
    before = delta.rows(s.warehouse, ASKED, f"digest = '{digest}' AND verdict = 'accepted'", "digest, answer")
    found = exchange(sentence, known, offline, Connection(config), {row["digest"]: row["answer"] for row in before})
    if found.answer not in [row["answer"] for row in before]:
        row = {name: getattr(found, name) for name in ("digest", "sentence", "answer", "verdict", "faults")}
        row |= {"ds": s.ds, "model": config.model}
        delta.replace_rows([row], s.warehouse, ASKED, f"digest = '{digest}'")
    return settled(offline, found.proposal), f"{found.verdict}: {'; '.join(found.faults)}".rstrip(": ")


def configured() -> LanguageModel:
    """The model of conf/language_model.yaml; UsageError where none is set."""
    config = LanguageModel.load()
    if not config.base_url:
        raise UsageError("--model: expected base_url in conf/language_model.yaml, found none; set it, or ask without")
    return config


def exchange(
    sentence: str, known: Vocabulary, offline: Answer, connection: Connection, before: Mapping[str, str]
) -> Exchange:
    """Ask for a proposal, once more where the first is refused. before: answers that were accepted, by digest."""
    messages = _messages(sentence, known, offline)
    digest = _digest(messages, connection.config)
    wrong, text, verdict = ["no time or request was left"], "", "failed"
    if digest in before:
        try:
            proposal = held(before[digest], sentence, known, offline)
            return Exchange(digest, sentence, before[digest], "accepted", [], proposal)
        except RefusedError:
            pass  # a check that is new
    for _ in range(TRIES):
        if not connection.open:
            break
        try:
            text = _written(connection, messages)
            return Exchange(digest, sentence, text, "accepted", [], held(text, sentence, known, offline))
        except UnansweredError as error:
            verdict, wrong = "failed", [str(error)]
        except RefusedError as error:
            verdict, wrong = "refused", [*error.faults]
            again = f"This is refused: {'; '.join(wrong)}. Think again, and end with a block without these faults."
            messages = [*messages[:2], {"role": "assistant", "content": text}, {"role": "user", "content": again}]
    return Exchange(digest, sentence, text, verdict, wrong)


def _written(connection: Connection, messages: list[dict]) -> str:
    """The block that an answer ends with; one without is asked for it."""
    text = connection.ask(messages, tokens=2000)
    if (found := block(text)) is None and connection.open:
        late = [*messages, {"role": "assistant", "content": text}, {"role": "user", "content": _LATE}]
        text = connection.ask(late, tokens=800)
        found = block(text)
    return text if found is None else found


@cache
def _prompt() -> str:
    return (Path(__file__).parent / "prompt.md").read_text(encoding="utf-8")


def _messages(sentence: str, known: Vocabulary, offline: Answer) -> list[dict]:
    unplaced = [part.text for part in offline.left_out]  # words of the sentence
    sent = {"dictionary": dictionary.told(known), "sentence": sentence, "unplaced": unplaced}
    return [{"role": "system", "content": _prompt()},
            {"role": "user", "content": json.dumps(sent, ensure_ascii=False, default=str)}]  # fmt: skip


def _digest(messages: list[dict], config: LanguageModel) -> str:
    """By which an answer is known again: the same sentence, dictionary, prompt and model."""
    return hashlib.sha256(json.dumps([messages, config.model]).encode()).hexdigest()[:32]


def settled(offline: Answer, proposal: Proposal | None) -> Answer:
    """One answer of two. Where the grammar understood all of the sentence, the model can only cast doubt: a rule that
    differs is a further reading. What the grammar could not place, the model may.
    """
    if proposal is None:
        return offline
    if offline.rule is not None or (len(offline.readings) > 1 and not offline.left_out):
        stand = offline.readings if offline.rule is None else (Reading(offline.rule, "as the grammar reads it"),)
        others = [rule for rule in proposal.rules if not any(_same(rule, one.rule) for one in stand)]
        if not others or (offline.rule is not None and len(others) < len(proposal.rules)):
            return offline
        return Answer(None, offline.parts, readings=(*stand, *_read_by_model(others)))
    if len(proposal.rules) == 1:
        return Answer(proposal.rules[0], proposal.parts)
    if proposal.rules:
        return Answer(None, proposal.parts, readings=_read_by_model(proposal.rules))
    left_out = tuple(Part(text, "nothing records it, says the model") for text in proposal.cannot)
    return Answer(None, offline.parts, offline.left_out or left_out, offline.readings)


def _read_by_model(rules: Iterable[dict[str, Any]]) -> tuple[Reading, ...]:
    return tuple(Reading(rule, "as the model reads it") for rule in rules)


def _same(one: dict[str, Any], other: dict[str, Any]) -> bool:
    """Whether two rules say the same, whatever the order of their conditions."""
    return _ordered(parsed(one).said()) == _ordered(parsed(other).said())


def _ordered(said: Any) -> Any:
    """The rule less what it says by default, in an order of its own."""
    if isinstance(said, dict):
        said = {key: _ordered(value) for key, value in said.items() if (key, value) != ("count", "events")}
        for key in ("all", "any"):
            if key in said:
                said[key] = sorted(said[key], key=lambda one: json.dumps(one, sort_keys=True, default=str))
        return said
    return [_ordered(one) for one in said] if isinstance(said, list | tuple) else said
