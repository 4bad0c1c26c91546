"""Reasons in the language of the sentence."""

from __future__ import annotations

import re
from dataclasses import replace
from functools import cache
from pathlib import Path

import yaml

from jobs.audiences.ask.answer import Answer, Part
from jobs.audiences.ask.wording import EVENTS


def told(answer: Answer, *, chinese: bool) -> Answer:
    """The answer with its reasons in Chinese where the sentence is; a reason without Chinese words stays as it is."""
    if not chinese:
        return answer
    parts, left = (tuple(Part(p.text, in_chinese(p.means)) for p in some) for some in (answer.parts, answer.left_out))
    return replace(answer, parts=parts, left_out=left)


def in_chinese(reason: str) -> str:
    for said, meant in _reasons():
        if found := said.fullmatch(reason):
            return meant.format(*(EVENTS.get(one, one) for one in found.groups()))
    return reason


@cache
def _reasons() -> list[tuple[re.Pattern[str], str]]:
    file = Path(__file__).with_name("reasons.zh.yaml")
    said = yaml.safe_load(file.read_text(encoding="utf-8"))
    return [(re.compile(re.escape(one).replace(r"\{\}", "(.+?)"), re.S), meant) for one, meant in said.items()]
