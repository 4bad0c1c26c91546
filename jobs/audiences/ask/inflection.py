"""Which words may an English word be a form of?"""

from __future__ import annotations

from collections.abc import Iterator

_DOUBLED = "bdgklmnprtv"


def bases(word: str) -> Iterator[str]:
    """Words of which it is a plural, a past or an -ing form; the likeliest first, and not all of them words."""
    for ending in ("'s", "s'"):
        if word.endswith(ending):
            yield word[: -len(ending)]
    for ending, others in (("ies", ("y",)), ("ied", ("y",)), ("es", ("", "e")), ("s", ("",)), ("ed", ("", "e")),
                           ("ing", ("", "e"))):  # fmt: skip
        stem = word[: -len(ending)]
        if not word.endswith(ending) or len(stem) < 3 or word.endswith("ss"):
            continue
        yield from (stem + other for other in others)
        if ending in ("ed", "ing") and stem[-1] == stem[-2] and stem[-1] in _DOUBLED:
            yield stem[:-1]
