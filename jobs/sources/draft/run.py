"""source draft FILE: what a mapping of a file may say, with what was seen in it."""

from __future__ import annotations

import re
from pathlib import Path

from jobs.conf import CONF, loaded
from jobs.errors import UsageError
from jobs.sources.draft import page, places, proposal, sample
from jobs.sources.spec import Source

SOURCES = CONF / "sources"


def run(file: str, name: str, write: bool, folder: Path = SOURCES) -> str:
    """The draft as YAML, or, if `write`, where it was written: conf/sources/NAME.yaml, which may not be there before.

    UsageError for a wrong name and a file that is not there; DataError for one that cannot be read, or tells no events.
    """
    if not re.fullmatch("[a-z][a-z0-9_]*", name):
        raise UsageError(f"expected --name of a-z, 0-9 and _, such as my_shop, found {name!r}")
    if "://" not in file and not Path(file).is_file():
        raise UsageError(f"expected a file of events at {file}, found none")
    path = file if "://" in file else str(Path(file).resolve())
    taken = sample.take(path if "://" in path else f"file:{path}")
    taken = sample.with_folders(taken, path.removeprefix(places.place(path).landing))
    text = page.written(name, path, taken, proposal.propose(taken))
    Source.model_validate(loaded(text))
    if not write:
        return text.rstrip("\n")
    try:
        with (folder / f"{name}.yaml").open("x", encoding="utf-8") as new:
            new.write(text)
    except FileExistsError:
        raise UsageError(
            f"{folder / name}.yaml is there already; a draft overwrites nothing: take another --name"
        ) from None
    return f"{folder / name}.yaml: answer what `# ?` asks, then  python -m jobs source try {name} --landing DIR"
