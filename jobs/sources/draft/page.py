"""A proposal as the YAML of conf/sources, with what was seen as comments; `# ?` is before what is a guess."""

from __future__ import annotations

from pathlib import PurePosixPath

import yaml
from rich.cells import cell_len

from jobs.sources.draft import places
from jobs.sources.draft.places import Place
from jobs.sources.draft.proposal import Proposal
from jobs.sources.draft.sample import Sample

_AT = 60  # where comments behind a line begin, as long as it is shorter
_SHOWN, _LONG = 80, 400  # characters of what was seen, and of a doubt


def written(name: str, file: str, sample: Sample, made: Proposal) -> str:
    """The whole file."""
    place = places.place(file)
    rows = f"{'all' if sample.is_whole else 'the first'} {sample.rows:,} records"
    lines = [
        f"# A draft, by {rows} of {PurePosixPath(file).name}. `# ?` marks a guess; answer it, then remove it. Try it:",
        f"#   python -m jobs source try {name} --landing {place.landing}",
        f"name: {name}",
        _line(f"title: {name}", doubt="what readers call it"),
        _line("origin: unknown", doubt="where the data come from"),
        _line("licence: unknown", doubt="internal, or whose terms"),
        _line(f"shop_zone: {made.zone}", doubt="a night is a day there; no file says it"),
    ]
    if made.opened:
        opened = f'shop_opened: "{made.opened}-01-01"'
        lines.append(_line(opened, f"the earliest year seen is {made.opened}", "an earlier event is refused"))
    lines += ["", "events:", *_reading(place, sample)]
    lines.append(_line(f"  id: {_flow(made.id)}", made.notes.get("id", ""), made.doubts.get("id", "")))
    more = {"may_be_empty": made.may_be_empty, "whole": made.whole, "lower": made.lower}
    lines += [f"  {key}: {_flow(value)}" for key, value in more.items() if value]
    for key, value in {"where": made.where, "ignore": made.ignore, "null": made.null}.items():
        if value:
            lines.append(_line(f"  {key}: {_flow(value)}", doubt=made.doubts[key]))
    lines += _pii(made)
    lines.append("  fields:")
    for field, spec in made.fields.items():
        lines.append(_line(f"    {field}: {_spec(spec)}", made.notes.get(field, ""), made.doubts.get(field, "")))
        if field == "event_type":
            lines += [f"    #   {_flow(code)}:  # {number:,} records" for code, number in made.codes.items()]
    for field, seen in made.unread.items():
        lines.append(f"    # ? {field}: {_shown(seen, _LONG)}, which a draft does not take")
    if made.left:
        lines.append(f"  # kept in attributes: {', '.join(map(_shown, made.left))}")
    for kind, fields, column in (("users", made.users, made.user), ("products", made.products, _product(made))):
        if fields:
            lines += ["", f"{kind}:", *_reading(place, sample, with_doubts=False), f"  id: {_flow([column])}"]
            told = {"whole": made.whole, "lower": made.lower}
            lines += [f"  {key}: {_flow([column])}" for key, those in told.items() if column in those]
            lines += _pii(made, with_doubts=False)
            lines += ["  fields:", *[f"    {field}: {_spec(spec)}" for field, spec in fields.items()]]
    return "\n".join(lines) + "\n"


def _product(made: Proposal) -> str | None:
    return made.fields.get("product_id", {}).get("column")


def _reading(place: Place, sample: Sample, *, with_doubts: bool = True) -> list[str]:
    """Where the files of a feed are, and how they are read."""
    doubt = place.doubt if with_doubts else ""
    lines = [_line(f"  files: {_flow(place.files)}", doubt=doubt), f"  format: {sample.format}"]
    unsure = sample.unsure if with_doubts else {}
    return lines + [_line(f"  {key}: {_flow(value)}", doubt=unsure.get(key, "")) for key, value in sample.said.items()]


def _pii(made: Proposal, *, with_doubts: bool = True) -> list[str]:
    lines = [f"  # ? {made.doubts['pii']}"] if "pii" in made.doubts and with_doubts else []
    if not made.pii:
        return lines
    doubt = "personal by their looks; drop leaves a column out, hash (needs HUAXIANG_PII_KEY) keeps users joinable"
    return [*lines, _line(f"  pii: {_flow(made.pii)}", doubt=doubt if with_doubts else "")]


def _spec(spec: dict) -> str:
    return _flow(spec["column"]) if list(spec) == ["column"] and isinstance(spec["column"], str) else _flow(spec)


def _line(said: str, seen: str = "", doubt: str = "") -> str:
    """A line of YAML with a comment behind it; what is a guess stands on a line above."""
    indent = said[: len(said) - len(said.lstrip())]
    above = f"{indent}# ? {_shown(doubt, _LONG)}\n" if doubt else ""
    behind = f"{said}{' ' * max(0, _AT - cell_len(said))}  # {_shown(seen)}" if seen else said
    return above + behind


def _shown(text: str, most: int = _SHOWN) -> str:
    """A text on one line, without what ends or hides it."""
    text = "".join(sign if sign.isprintable() else " " for sign in text)
    return text if len(text) <= most else f"{text[: most - 3]}..."


def _flow(value: object) -> str:
    """YAML on one line, as it may stand in a list."""
    text = yaml.safe_dump([value], allow_unicode=True, default_flow_style=True, width=10**6, sort_keys=False)
    return text.strip()[1:-1]
