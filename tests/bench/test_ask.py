"""The sentences of `bench ask`: each asks for a rule that is one, or says what nothing records."""

from __future__ import annotations

import pytest
from pydantic import TypeAdapter

from bench.ask import sentences
from jobs.audiences.rule.conditions import Condition

CONDITION: TypeAdapter = TypeAdapter(Condition)


@pytest.mark.parametrize("language", sentences.LANGUAGES)
def test_every_rule_of_a_sentence_is_one(language):
    listed = sentences.read(language)
    for one in listed:
        for rule in one.rules:
            assert CONDITION.validate_python(rule), one.say
        assert len(one.ambiguous) != 1, one.say
    assert len({one.say for one in listed}) == len(listed) > 150
