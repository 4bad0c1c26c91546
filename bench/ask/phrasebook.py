"""How many of the ways to say one thing are read as it, by what is said; rules are told apart by their form alone."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial

from rich.table import Table as Grid

from bench.ask import forms, sentences
from bench.ask.score import RIGHT, VERDICTS, Judged, judged
from bench.ask.sentences import Sentence
from jobs.audiences.ask import Answer
from jobs.audiences.ask.vocabulary import Vocabulary

Reader = Callable[[str, Vocabulary], Answer]


def run(shops: Mapping[str, Vocabulary], read: Reader, listed: Iterable[Sentence] | None = None) -> list[Judged]:
    """The verdicts on the phrasebook of every language, or on `listed`, about these shops."""
    ways = list(listed or (one for language in sentences.LANGUAGES for one in sentences.phrases(language)))
    found: list[Judged] = []
    for shop, known in shops.items():
        some = [one for one in ways if one.shop == shop]
        found += judged(some, [read(one.say, known) for one in some], partial(forms.members, ds=known.ds))
    return found


def table(found: Sequence[Judged], *, by_kind: bool) -> Grid:
    """A row a language, how its ways are read; by_kind: before it a row for each thing said."""
    bad = [verdict for verdict in VERDICTS if verdict not in RIGHT]
    grid = Grid("", "ways", "right", *bad, title="the phrasebook, judged by the form of rules", title_justify="left")
    for language in sentences.LANGUAGES:
        some = [one for one in found if one.sentence.language == language]
        kinds = dict.fromkeys(one.sentence.kind for one in some) if by_kind else ()
        for name, ways in [
            *((kind, [one for one in some if one.sentence.kind == kind]) for kind in kinds),
            (language, some),
        ]:
            counts = Counter(one.verdict for one in ways)
            right = sum(counts[verdict] for verdict in RIGHT)
            grid.add_row(name, f"{len(ways):,}", f"{right / len(ways):.1%}" if ways else "-",
                         *(str(counts[verdict] or "") for verdict in bad), end_section=name == language)  # fmt: skip
    return grid
