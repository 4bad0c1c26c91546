"""What a user edits, read strictly: a file of conf/ becomes a frozen class, and each mistake is named with its key."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import date
from difflib import get_close_matches
from pathlib import Path
from typing import Any, TypeVar, get_args

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError

from jobs.errors import UsageError

CONF = Path(__file__).resolve().parents[1] / "conf"


class Strict(BaseModel):
    """The base of all that is read from conf/: frozen, and a key of another name is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True)


Model = TypeVar("Model", bound=Strict)
Mistake = Mapping[str, Any]  # as pydantic tells it


def read(path: Path, model: type[Model], thing: str, prepared: Callable[[Any], Any] | None = None) -> Model:
    """The file as a `model`; `thing` is what it describes, for people: source, audience, suite. prepared: what is done
    to the document before it is read.

    Raises UsageError where the file is missing or no YAML, and where a key is wrong: every key, with what was expected.
    What stands in the file is not repeated, for it may be a password in a place where none belongs.
    """
    try:
        # An accent is one with its letter, as in what is read by it (jobs/sources/formats/texts.py).
        text = unicodedata.normalize("NFC", path.read_text(encoding="utf-8"))
        document = loaded(text)
        return model.model_validate(prepared(document) if prepared else document)
    except OSError as error:
        article = "an" if thing[0] in "aeiou" else "a"
        raise UsageError(f"expected {article} {thing}'s file at {path}, found: {error.strerror}") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise UsageError(f"{path} is not YAML: {error}") from None
    except ValidationError as error:
        mistakes = [f"{_place(mistake) or 'the file'}: {_in_words(mistake, model)}" for mistake in _nearest(error)]
        listed = f" {mistakes[0]}" if len(mistakes) == 1 else "".join(f"\n  {mistake}" for mistake in mistakes)
        raise UsageError(f"{path} is not a valid {thing}:{listed}") from None


def loaded(text: str) -> Any:
    """What a text in YAML says, where every key is a text."""
    return yaml.load(text, _Loader)


class _Loader(yaml.SafeLoader):
    """YAML of which every key is the text that stands there, `null`, `no` and `1` too, and stands once."""

    def compose_mapping_node(self, anchor: dict) -> yaml.MappingNode:
        node, known = super().compose_mapping_node(anchor), set()
        for key, _ in node.value:
            if key.value in known:
                raise yaml.YAMLError(f"line {key.start_mark.line + 1}: the key {key.value!r} stands twice")
            if isinstance(key, yaml.ScalarNode) and key.tag != "tag:yaml.org,2002:merge":
                key.tag = "tag:yaml.org,2002:str"
                known.add(key.value)
        return node


_EXPECTED = {
    "string_type": "a text", "tuple_type": "a list, such as [a, b]", "list_type": "a list, such as [a, b]",
    "dict_type": "keys with values", "model_type": "keys with values", "model_attributes_type": "keys with values",
}  # fmt: skip
# By what YAML reads where no quotes stand; a truth value is a number to Python.
_FOUND = {
    bool: "yes, no, on, off, true or false, which is no text without quotes",
    int: "a number, which is no text without quotes", float: "a number, which is no text without quotes",
    date: "a day, which is no text without quotes", type(None): "nothing (or null, which is no text without quotes)",
    str: "a text", list: "a list", dict: "keys with values",
}  # fmt: skip


def _place(mistake: Mistake) -> str:
    """Where a mistake stands, without the names of Python's types."""
    return ".".join(str(step) for step in mistake["loc"] if "[" not in str(step))


def _nearest(error: ValidationError) -> list[Mistake]:
    """The mistakes, less those of a form that was not meant where a value may have several: a list, say, or keys."""
    forms: dict[tuple, list[Mistake]] = {}
    for mistake in error.errors():
        at = next((k for k, step in enumerate(mistake["loc"]) if "[" in str(step)), None)
        forms.setdefault(mistake["loc"][:at] if at is not None else (*mistake["loc"], ""), []).append(mistake)
    found = []
    for same in forms.values():
        deepest = max(len(mistake["loc"]) for mistake in same)
        found += [mistake for mistake in same if len(mistake["loc"]) == deepest]
    return found


def _in_words(mistake: Mistake, model: type[BaseModel]) -> str:
    """What was expected, and of what kind is what was found."""
    if mistake["type"] == "extra_forbidden":
        *place, key = mistake["loc"]
        return f"there is no such key{nearest(str(key), _keys_at(model, place))}"
    expected = _EXPECTED.get(mistake["type"])
    found = next((said for kind, said in _FOUND.items() if isinstance(mistake["input"], kind)), None)
    if expected is None or found is None:
        return mistake["msg"].removeprefix("Value error, ")
    return f"expected {expected}, found {found}"


def _keys_at(model: type[BaseModel], place: list[int | str]) -> list[str]:
    """The keys that may stand at a place of a document."""
    models = [model]
    for step in place:  # those of a list or a dictionary are no fields
        fields = [one.model_fields[step].annotation for one in models if step in one.model_fields]
        models = [inner for annotation in fields for inner in _models_in(annotation)] or models
    return [field.alias or name for one in models for name, field in one.model_fields.items()]


def _models_in(annotation: object) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for inner in get_args(annotation):
        yield from _models_in(inner)


def nearest(name: str, known: Iterable[str], otherwise: str = "") -> str:
    """`; did you mean 'KNOWN'?`; where no known name is near, `; OTHERWISE` and all of them, or nothing."""
    names = list(known)
    folded = {one.casefold(): one for one in reversed(names)}
    if near := get_close_matches(name.casefold(), folded, n=1):
        return f"; did you mean {folded[near[0]]!r}?"
    return f"; {otherwise} {', '.join(names)}" if otherwise else ""
