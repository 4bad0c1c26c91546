"""Words: catalogues of languages, facts of segments and users, portraits. Other rooms take what stands here."""

from __future__ import annotations

from jobs.language.catalogue import MODEL, TABLED, Catalogue, languages, says_nothing, words
from jobs.language.facts import Fact, of_segment, of_user, shareable
from jobs.language.labels import Labels, is_code
from jobs.language.names import Further, gathered, said
from jobs.language.pages import Pages
from jobs.language.portrait import Portrait
from jobs.language.rules import rule

__all__ = [
    "MODEL",
    "TABLED",
    "Catalogue",
    "Fact",
    "Further",
    "Labels",
    "Pages",
    "Portrait",
    "gathered",
    "is_code",
    "languages",
    "of_segment",
    "of_user",
    "rule",
    "said",
    "says_nothing",
    "shareable",
    "words",
]
