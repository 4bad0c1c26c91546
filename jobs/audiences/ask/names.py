"""Names of the shop by what people call them: exact, singular and plural, in another language, in part, mistyped."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property
from typing import Any

from jobs.audiences.ask import text
from jobs.audiences.ask.sound import by_sound
from jobs.audiences.ask.title_words import words_of
from jobs.audiences.ask.vague import vague
from jobs.audiences.ask.vocabulary import Vocabulary

_MUCH = 2  # times the products of a category that a name fits as well
# Words for goods, which say nothing behind a name: camping gear, 露营用品.
_GOODS = re.compile(
    r" (gear|stuff|goods|items?|products?|equipment|supplies|essentials|merchandise)$"
    r"|(?<=..)(用品|产品|商品|类商品|类产品|类|系列|之类)$"
)
_KINDS = ("ic", "al")  # endings of words for a kind of goods: organic, natural
_FEW = 0.05  # of the products of the largest: nobody means them by the word that they share
_UNLIKE = re.compile("人造|植物|仿")  # before a name, of what is not of its kind
_TOO_MANY = 8  # things that a name may fit before it says too little


def stem(phrase: str) -> str:
    """A phrase without the endings of plurals."""
    return " ".join(_stem(word) for word in phrase.split())


def _stem(word: str) -> str:
    if len(word) > 4 and word.endswith("ies"):
        return word[:-3] + "y"
    if len(word) > 4 and word.endswith(("ches", "shes", "sses", "xes", "oes")):
        return word[:-2]
    return word[:-1] if len(word) > 3 and word.endswith("s") and not word.endswith("ss") else word


def distance(a: str, b: str, most: int) -> int:
    """Edits that make one word of the other (two neighbours that changed places are one), or more than `most`."""
    if abs(len(a) - len(b)) > most:
        return most + 1
    before: list[int] = []
    row = list(range(len(b) + 1))
    for i, x in enumerate(a, 1):
        older, before, row = before, row, [i]
        for j, y in enumerate(b, 1):
            edits = min(before[j] + 1, row[-1] + 1, before[j - 1] + (x != y))
            if i > 1 and j > 1 and x == b[j - 2] and a[i - 2] == y:
                edits = min(edits, older[j - 2] + 1)
            row.append(edits)
    return row[-1]


def _slips(word: str, other: str) -> int | None:
    """How many slips of the hand make one word of the other; None where they are two words. Of short words, only
    letters that changed places or are doubled.
    """
    if word[0] != other[0] or abs(len(word) - len(other)) > 2:
        return None
    if word[-1] == other[-1] and (sorted(word) == sorted(other) or _single(word) == _single(other)):
        return 1
    most = 2 if len(word) > 8 and abs(len(word) - len(other)) < 2 else 1 if len(word) > 4 else 0
    edits = distance(word, other, most) if most else 1
    return edits if edits <= most else None


def _single(word: str) -> str:
    return re.sub(r"(.)\1", r"\1", word)


class Names:
    """The names of a vocabulary. What is found is a mapping: OBJ to the things it may be, IS to columns of a user."""

    def __init__(self, vocabulary: Vocabulary) -> None:
        self.vocabulary = vocabulary
        self._found: dict[tuple[str, bool], dict[str, Any]] = {}

    def of(self, phrase: str, *, exact: bool = False) -> dict[str, Any]:
        """exact: things by their labels and nothing less, for a phrase that means something else too."""
        if (phrase, exact) not in self._found:
            self._found[phrase, exact] = self._look_up(phrase, exact)
        return self._found[phrase, exact]

    def _look_up(self, phrase: str, exact: bool) -> dict[str, Any]:
        found: dict[str, Any] = {}
        things = self._things(phrase, self._levels[: 1 if exact else -1])
        if not things and not exact:  # a label, and a word for goods behind it
            things = self._things(_GOODS.sub("", phrase), self._levels[:3])
        if not things and not exact and " " in phrase:
            said = (self._things(one, self._levels[:2]) for one in _otherwise(phrase))
            things = next(filter(None, said), ())
        if things:
            found["OBJ"] = things
        elif not exact and (things := self._things(phrase, self._levels[-1:])):
            found |= {"OBJ": things, "UNSURE": ", ".join(str(one) for thing in things for one in thing["category"])}
        if users := self._users.get(phrase) or self._users.get(stem(phrase)):
            found["IS"] = users
        if phrase in self.narrowing:
            found["NARROW"] = self.narrowing[phrase]
        for kind, known in (("SEGMENT", self._segments), ("AUDIENCE", self._audiences)):
            if phrase in known:
                found[kind] = known[phrase]
        return found

    def _things(self, phrase: str, levels: list) -> tuple[dict, ...]:
        """What narrows events by that name: one, or several where it fits them about as well."""
        stemmed = stem(phrase)
        for level in levels:
            fitting = [*level.get(phrase, ()), *level.get(stemmed, ())]
            if fitting:
                return tuple(thing for place, thing in enumerate(fitting) if thing not in fitting[:place])
        return ()

    @cached_property
    def _levels(self) -> list[dict[str, list[dict]]]:
        """Things by name, the best names first: labels and names of conf/ask.yaml; parts of lists, names as they stand
        in the tables; words of titles; synonyms of those; titles; words of names.
        """
        v, exact, listed = self.vocabulary, defaultdict(list), defaultdict(list)
        for name, said in vague().names.items():
            thing = self._parameter(name) if name.startswith("$") else {"category": [name]}
            if thing and (name.startswith("$") or name in self._categories):
                for phrase in said:
                    _add(exact, phrase, thing)
        for name in v.parameters:
            if thing := self._parameter(f"${name}"):
                _add(exact, name.replace("_", " "), thing)
        leaves = {path[-1] for path in v.paths}
        if leaves & v.labels.keys():
            leaves = set()  # which are called by labels
        by_label: dict[str, list[str]] = defaultdict(list)
        for category in self._categories:
            for label in v.labels.get(category, () if category not in leaves else (category,)):
                by_label[_key(label)].append(category)
        for label, categories in by_label.items():
            for thing in self._larger(label, sorted(set(categories)), by_label):
                _add(exact, label, thing)
        for brand in v.brands:
            for word in next((group for group in vague().values if _key(brand) in group), (brand,)):
                _add(exact, word, {"brand": [brand]})
        told = any(name in v.labels for path in v.paths for name in path[1:])  # what people call them
        for category in sorted(self._categories):
            parts = {part for label in v.labels.get(category, () if told else (category,)) for part in _parts(label)}
            for part in {category, *v.labels.get(category, ()), *parts}:
                _add(listed, part, {"category": [category]})
        levels = [dict(exact), {phrase: self._beside_larger(phrase, things) for phrase, things in listed.items()}]
        also, words, in_part = defaultdict(list), defaultdict(list), self._in_part()
        for group in vague().synonyms:
            hits = [
                thing
                for word in group
                for level in levels[:1]
                for thing in level.get(_key(word)) or level.get(stem(_key(word)), ())
            ]
            hits = hits or [
                thing for word in group for thing in levels[1].get(_key(word)) or levels[1].get(stem(_key(word)), ())
            ]
            for word in group:
                for thing in hits or [thing for one in group for thing in in_part.get(stem(_key(one)), ())]:
                    _add(also if hits else words, word, thing)
        titles = defaultdict(list)
        for title in v.titles:
            if len(text.units(title)) > 1 and title not in self._categories:
                _add(titles, title, {"title": [title]})
        for leaf in leaves:  # a dome tent is a tent
            if " " in leaf and len(leaf.split()[-1]) > 3:
                _add(words, leaf.split()[-1], {"category": [leaf]})
        for word, category in words_of(v.shelves, v.labels):
            _add(words, word, {"category": [category]})
        few = {word: things for word, things in words.items() if len(things) <= _TOO_MANY}
        for level in (*levels, also):
            for phrase in [one for one in level if " " in one and one.isascii()]:
                level.setdefault(phrase.replace(" ", ""), level[phrase])  # icecream
        return [*levels, few, dict(also), dict(titles), in_part]

    def _larger(self, label: str, categories: list[str], by_label: Mapping[str, list[str]]) -> list[dict]:
        """What a label may be of: its categories; and all that are called by it and more, where one is larger, which it
        is alone of where its own are the rest of a kind.
        """
        own: list[dict] = [{"category": [category]} for category in categories]
        sizes = self.vocabulary.sizes
        above = {
            c for path in self.vocabulary.paths for own_ in categories if own_ in path for c in path[: path.index(own_)]
        }
        longer = {
            c
            for other, named in by_label.items()
            if other != label and stem(other).endswith(stem(label)) and not _UNLIKE.match(other)
            for c in named
            if c not in above  # toys, not all of baby & toys
        }
        if longer and max(sizes.get(c, 0) for c in longer) > _MUCH * max(sizes.get(c, 0) for c in categories):
            whole = {"category": sorted({*categories, *longer})}
            rest = all(re.search(r"\b(misc|other)", c, re.I) for c in categories)  # what has no kind of its own
            return [whole] if rest else [*own, whole]
        return own

    def _beside_larger(self, phrase: str, things: list[dict]) -> list[dict]:
        """The things of a name without those that are few beside others under the same word: of candy, a shelf that
        is called so, beside packaged and checkout candy, is not what is meant.
        """
        size = {id(thing): sum(self.vocabulary.sizes.get(c, 0) for c in thing["category"]) for thing in things}
        named = {c for thing in things for c in thing["category"]}
        wide = sorted(c for c in self._headed(stem(phrase)) if c not in named)
        whole: dict = {"category": wide}
        larger = sum(self.vocabulary.sizes.get(c, 0) for c in wide)
        most = max(larger, *size.values())
        kept = [thing for thing in things if size[id(thing)] > _FEW * most]
        if larger > _MUCH * max(size.values()):
            own = [c for thing in kept for c in thing["category"]]
            return [*kept, {"category": sorted([*own, *wide])}] if kept else [whole]
        return kept

    def _headed(self, word: str) -> list[str]:
        """Categories with a label, whose name or label has the word for its head: CANDY - PACKAGED, frozen pizza."""
        return self._heads.get(word, [])

    @cached_property
    def _heads(self) -> dict[str, list[str]]:
        found: dict[str, set[str]] = defaultdict(set)
        for category, labels in self.vocabulary.labels.items():
            if category not in self._categories:
                continue
            found[stem(_key(re.split(r" - |/", category)[0]))].add(category)
            for label in labels:
                if (first := re.match("[a-z]+(?= )", label)) and first[0].endswith(_KINDS):
                    found[first[0]].add(category)
                if label.isascii() and " " in label and not re.search("[&,/]| and ", label):
                    found[stem(_key(label.split()[-1]))].add(category)
        return {word: sorted(categories) for word, categories in found.items()}

    def _in_part(self) -> dict[str, list[dict]]:
        """Words of names: the labels that have one, and what has it in its name elsewhere; else the names."""
        named: dict[str, set[str]] = defaultdict(set)
        parents: dict[str, set[str]] = defaultdict(set)
        for path in self.vocabulary.paths:
            for name in path:
                parents[name].add(path[1] if len(path) > 1 else path[0])
        for name in parents:
            for word in _words(name):
                named[word].add(name)
        labelled: dict[str, set[str]] = defaultdict(set)
        for category, labels in self.vocabulary.labels.items():
            if category in self._categories:
                for label in labels:
                    for word in (*_words(label), *_grams(label)):
                        labelled[word].add(category)
        found = defaultdict(list)
        for word in {*named, *labelled}:
            fitting = labelled.get(word, set()) | {p for name in named.get(word, ()) for p in parents[name]}
            if word not in labelled:
                fitting = {name for name in named[word] if 3 * len(word) >= len(name)}
            if 0 < len(fitting) <= (_TOO_MANY if len(word) > 1 else 3):
                for category in sorted(fitting):
                    _add(found, word, {"category": [category]})
        return dict(found)

    @cached_property
    def _categories(self) -> frozenset[str]:
        return frozenset(name for path in self.vocabulary.paths for name in path)

    def _parameter(self, name: str) -> dict | None:
        listed = self.vocabulary.parameters.get(name[1:], ())
        return {"category": list(listed)} if set(listed) & self._categories else None

    @cached_property
    def _users(self) -> dict[str, tuple[dict, ...]]:
        """Tests of columns by the names of their values."""
        found = defaultdict(list)
        for column, values in self.vocabulary.values.items():
            for value in values:
                plain = _key(value)
                words = next((group for group in vague().values if plain in group), (plain,))
                if not column.endswith("_band") and not re.search(r"[^\W\d_]", plain):
                    continue
                for word in words:
                    if len(word) > 1 or text.is_chinese(word):
                        _add(found, word, {column: value})
        for tag, tag_zh in self.vocabulary.tags.items():
            for phrase in (tag, tag_zh):
                _add(found, phrase, {"tags": tag})
        return {phrase: tuple(things) for phrase, things in found.items()}

    @cached_property
    def narrowing(self) -> dict[str, dict[str, str]]:
        """Fields of an event by the names of their values: of its attributes, else the device."""
        found: dict[str, dict[str, str]] = {}
        for field, values in sorted(self.vocabulary.event_values.items(), key=lambda one: one[0] != "device"):
            for value in values:
                if len(value) < 2 or not re.search(r"[^\W\d_]", value):
                    continue
                for word in next((group for group in vague().values if value.lower() in group), (value,)):
                    found[_key(word)] = {field: value}
        return found

    @cached_property
    def _segments(self) -> dict[str, str]:
        return {_key(name): en for en, zh in self.vocabulary.segments.items() for name in (en, zh) if name}

    @cached_property
    def _audiences(self) -> dict[str, str]:
        found = {}
        for one, names in self.vocabulary.audiences.items():
            bare = [re.sub("(的?(用户|客户)|者)$", "", name) for name in names]
            found |= {_key(name): one for name in (one, one.replace("_", " "), *names, *bare)}
        return found

    def knows(self, word: str) -> bool:
        """Whether a word stands in a name."""
        return word in self._known_words or stem(word) in self._known_words

    @cached_property
    def _known_words(self) -> frozenset[str]:
        known: list[Mapping[str, Any]] = [*self._levels, self._users, self._segments, self._audiences]
        phrases = {phrase for level in known for phrase in level}
        raw = {word for name in self._categories for word in re.findall(r"[a-z]+", name.lower())}
        return (
            frozenset(word for phrase in phrases for word in phrase.split())
            | {*self.narrowing}
            | {stem(w) for w in raw}
        )

    @cached_property
    def _mendable(self) -> dict[int, set[str]]:
        """Words by length that a typing error may be of: of labels, values, names of one word."""
        found: dict[int, set[str]] = defaultdict(set)
        labels = {label for labels in self.vocabulary.labels.values() for label in labels}
        for phrase in {*map(_key, labels), *self._levels[0], *self._levels[2], *self._users}:
            for word in phrase.split():
                if word.isascii() and word.isalpha() and len(word) > 2:
                    found[len(word)].add(word)
        if not labels:
            for name in self._categories:
                for word in _key(name).split():
                    found[len(word)].add(word)
        return found

    @cached_property
    def sounds(self) -> Mapping[tuple[str, ...], frozenset[str]]:
        """Labels and values of Chinese by how they sound."""
        labels = {label for labels in self.vocabulary.labels.values() for label in labels}
        return by_sound({*map(_key, labels), *self._levels[0], *self._levels[2], *self._users})

    def mended(self, word: str, others: Iterable[str]) -> str | None:
        """The known word that differs from an unknown one by a typing error; None where none or several do."""
        if not (word.isascii() and word.isalpha() and len(word) > 2):
            return None
        near: dict[int, set[str]] = defaultdict(set)
        known = (w for size in range(len(word) - 2, len(word) + 3) for w in self._mendable.get(size, ()))
        for other in (*known, *others):
            if (edits := _slips(word, other)) is not None:
                near[edits].add(other)
        for edits in sorted(near):
            stems = {stem(one) for one in near[edits]}
            return min(near[edits], key=lambda one: (len(one), one)) if len(stems) == 1 else None
        return None

    def nearest(self, phrase: str, many: int = 3) -> list[str]:
        """Names that look most like a phrase, by their letters in threes: to show, never to take."""
        wanted = _trigrams(phrase)
        scored = []
        for label in {label for labels in self.vocabulary.labels.values() for label in labels} | {*self._users}:
            grams = _trigrams(label)
            if (alike := 2 * len(wanted & grams) / max(1, len(wanted) + len(grams))) > 0.3:
                scored.append((-alike, label))
        return [label for _, label in sorted(scored)[:many]]


def _key(name: str) -> str:
    return text.joined(text.units(text.folded(name)))


def _add(into: Mapping[str, list], phrase: str, thing: dict) -> None:
    for key in {_key(phrase), stem(_key(phrase))}:
        if key and thing not in into[key]:
            into[key].append(thing)


def _otherwise(phrase: str) -> Iterator[str]:
    """A phrase with another word for its first or its last: frozen veg as frozen vegetables."""
    first, *between = phrase.split()
    last = between.pop()
    for group in vague().synonyms:
        if last in group:
            yield from (" ".join([first, *between, word]) for word in group if word != last and word.isascii())
        if first in group:
            yield from (" ".join([word, *between, last]) for word in group if word != first and word.isascii())


def _parts(label: str) -> list[str]:
    """The things that a label lists: of `bread & buns` bread and buns."""
    parts = [part.strip() for part in re.split(r"\s*(?:[&/,]|\band\b|与|和)\s*", label)]
    whole = len(parts) > 1 and all(len(part.split()[-1]) > 1 for part in parts if part)
    return [part for part in parts if len(part) > 1] if whole else []


def _words(name: str) -> set[str]:
    return {
        stem(word) for word in re.findall(r"[^\W\d_]+", name.lower()) if len(word) > 3 and not text.is_chinese(word)
    }


def _grams(label: str) -> set[str]:
    """Two characters or more of a Chinese label."""
    if not text.is_chinese(label):
        return set()
    return {label[a:b] for a in range(len(label)) for b in range(a + 2, len(label) + 1)} - {label}


def _trigrams(phrase: str) -> set[str]:
    size = 2 if text.is_chinese(phrase) else 3
    padded = f" {phrase.lower()} "
    return {padded[k : k + size] for k in range(len(padded) - size + 1)}
