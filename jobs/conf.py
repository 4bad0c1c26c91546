"""What a user edits, read strictly: a file of conf/ becomes a frozen class, and each mistake is named with its key."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from difflib import get_close_matches
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError

from jobs.errors import UsageError

CONF = Path(__file__).resolve().parents[1] / "conf"


class Strict(BaseModel):
    """The base of all that is read from conf/: frozen, and a key of another name is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True)


Model = TypeVar("Model", bound=Strict)


def read(path: Path, model: type[Model], thing: str, prepared: Callable[[Any], Any] | None = None) -> Model:
    """The file as a `model`; `thing` is what it describes, for people: source, audience, suite. prepared: what is done
    to the document before it is read.

    Raises UsageError where the file is missing or no YAML, and where a key is wrong: every key, with what was expected.
    What stands in the file is not repeated, for it may be a password in a place where none belongs.
    """
    try:
        document = yaml.safe_load(path.read_text(encoding="utf-8"))
        return model.model_validate(prepared(document) if prepared else document)
    except OSError as error:
        article = "an" if thing[0] in "aeiou" else "a"
        raise UsageError(f"expected {article} {thing}'s file at {path}, found: {error.strerror}") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise UsageError(f"{path} is not YAML: {error}") from None
    except ValidationError as error:
        mistakes = [
            f"{'.'.join(map(str, mistake['loc'])) or 'the file'}: {mistake['msg'].removeprefix('Value error, ')}"
            for mistake in error.errors()
        ]
        listed = f" {mistakes[0]}" if len(mistakes) == 1 else "".join(f"\n  {mistake}" for mistake in mistakes)
        raise UsageError(f"{path} is not a valid {thing}:{listed}") from None


def nearest(name: str, known: Iterable[str], otherwise: str = "") -> str:
    """`; did you mean 'KNOWN'?`; where no known name is near, `; OTHERWISE` and all of them, or nothing."""
    names = list(known)
    if near := get_close_matches(name, names, n=1):
        return f"; did you mean {near[0]!r}?"
    return f"; {otherwise} {', '.join(names)}" if otherwise else ""
