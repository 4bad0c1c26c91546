"""The first floors of the grammar: tokens become numbers, days, windows, quantities, tests of a user.

A pattern names kinds of tokens in order; `?` may be left out, `|` is a choice. Both languages share the rules: they
differ in their words.
"""

from __future__ import annotations

from jobs.audiences.ask.phrases.cascade import reduced
from jobs.audiences.ask.phrases.lengths import days_of

__all__ = ["days_of", "reduced"]
