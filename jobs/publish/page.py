"""What the morning page says, in one language: the night's tables as texts, a dictionary a section."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import pandas as pd

from jobs import language
from jobs.language import TABLED, Further, Labels, Portrait
from jobs.language.verifier import render
from jobs.settings import Settings

FLOWS, SEGMENTS, STAGES, WAYS = 5, 4, 3, 2  # the most that are told at first sight
FIRST = 3  # segments to turn to first
Rows = list[dict]


class Page:
    """One night in one language. night: see `reading.read_night`; labels: of the source's categories; audiences: what
    further languages say of them, by audience.
    """

    def __init__(
        self, s: Settings, night: dict[str, pd.DataFrame], code: str, labels: Labels,
        audiences: Mapping[str, Further] | None = None,
    ) -> None:  # fmt: skip
        self.s, self.code, self.words = s, code, language.words(code)
        self.labels, self.further = labels, audiences or {}
        self.rows: dict[str, Rows] = {name: _records(frame) for name, frame in night.items()}
        self.run = self.rows["run"][0]
        living = self.rows.get("segments", [])
        self.names = {row["segment_id"]: self._name(row) for row in [*living, *self.rows.get("ended", [])]}
        self.english = {row["segment_name"]: self.names[row["segment_id"]] for row in living}
        told = [row for row in living if _listed(row.get("facts"))]
        self.portraits = {row["segment_id"]: Portrait.of_row(row, labels) for row in told}
        written = [row for row in self.rows.get("written", []) if row["language"] == code]
        self.written = {row["segment_id"]: row["answer"] for row in written}

    def sections(self) -> dict[str, Any]:
        """By name of the section, for the template."""
        return {"head": self.head(), "changed": self.changed(), "todo": self.todo(), "health": self.health(),
                "families": self.families(), "more": self.more()}  # fmt: skip

    def say(self, key: str, **values: object) -> str:
        """A text of the page; numbers of people are written as the language does."""
        shown = {name: self.count(v) if isinstance(v, int | float) else v for name, v in values.items()}
        return self.words.page[key].format(**shown)

    def count(self, value: float) -> str:
        return self.words.whole(value)

    def head(self) -> dict:
        run, segments = self.run, self.rows.get("segments", [])
        spent = sum(float(row["spend_28d"]) for row in segments)
        moved = sum(row["users"] for row in self.rows.get("changes", []) if row["change"] == "move")
        flags = self.rows.get("flags", [])
        critical, warned = (sum(flag["severity"] == kind for flag in flags) for kind in ("critical", "warning"))
        state = self.say("critical", n=critical) if critical else self.say("flagged", n=warned)
        return {
            "night": self.say("night", ds=str(self.s.ds)),
            "made_from": self.say("made_from", source=run["source"], model=str(run["model_version"]), run=run["run_id"],
                                  code=run["git_sha"][:12]),
            "state": state if critical or warned else self.say("healthy"),
            "level": "critical" if critical else "warning" if warned else "good",
            "tiles": [(self.count(run["users"]), self.say("customers")), (self.count(spent), self.say("spend")),
                      (self.count(moved), self.say("moved")),
                      (self.count(run["checks_passed"]), self.say("checks"))],
        }  # fmt: skip

    def changed(self) -> dict:
        """Who came, went and moved since the night before, and why."""
        changes, before = self.rows.get("changes", []), self.rows.get("before", [])
        if not before:
            return {"summary": self.say("first")}
        day, of = str(before[0]["ds"])[:10], dict.fromkeys(("move", "enter", "exit"), 0)
        causes: dict[str, int] = {}
        for row in changes:
            of[row["change"]] += row["users"]
            causes[row["cause"]] = causes.get(row["cause"], 0) + row["users"]
        summary = self.say("summary", before=day, users=self.run["users"], moved=of["move"], entered=of["enter"],
                           left=of["exit"])  # fmt: skip
        told = sorted(causes.items(), key=lambda pair: (-pair[1], pair[0]))
        why = [self.say("because", n=users, cause=self._cause(cause)) for cause, users in told]
        moves = [row for row in changes if row["change"] == "move"]
        segments = sorted(self.rows.get("segments", []), key=lambda r: (-(r["entered"] + r["left"]), r["segment_id"]))
        return {
            "summary": summary if changes else self.say("none", before=day),
            "why": self.say("why", causes=self.words.listed(why)) if why else "",
            "flows": [(self._of(row["from_segment_id"]), self._of(row["to_segment_id"]), self.count(row["users"]))
                      for row in _merged(moves)[:FLOWS]],
            "grew": [(self.names[row["segment_id"]], self.say("net", plus=row["entered"], minus=row["left"]))
                     for row in segments[:SEGMENTS] if row["entered"] or row["left"]],
            "stages": [(self._stage(row["old"]), self._stage(row["new"]), self.count(row["users"]))
                       for row in self.rows.get("stage_moves", [])[:STAGES]],
            "ended": [(self.names[row["segment_id"]], self._ended(row))
                      for row in self.rows.get("ended", [])],
        }  # fmt: skip

    def todo(self) -> dict:
        """Segments by the money of the year at stake: what they brought, times the chance that they stay away."""
        stakes = []
        year = sum(float(row["spend_365d"]) for row in self.rows.get("segments", []))
        for row in self.rows.get("segments", []):
            portrait = self.portraits.get(row["segment_id"])
            if portrait and portrait.returns is not None and year:
                stakes.append((float(row["spend_365d"]) / year * (1 - portrait.returns), row["segment_id"], portrait))
        named = {row["audience_id"]: self._of_audience(row, "name") for row in self.rows.get("audiences", [])}
        first = sorted(stakes, key=lambda stake: (-stake[0], stake[1]))[:FIRST]
        return {
            "first": [(self.names[group], self.say("at_stake", share=self.words.percent(stake)),
                       portrait.sentences(self.code)[2]) for stake, group, portrait in first],
            "audiences": (told := [self._audience(row) for row in self.rows.get("audiences", [])]),
            "moving": any(audience["moves"] for audience in told),
            "twins": [self.say("twins", one=named.get(row["audience_id"], row["audience_id"]),
                               other=named.get(row["other_id"], row["other_id"]), both=row["both"])
                      for row in self.rows.get("overlaps", [])],
        }  # fmt: skip

    def _audience(self, row: dict) -> dict:
        return {
            "name": self._of_audience(row, "name"), "about": self._of_audience(row, "description"),
            "id": row["audience_id"],
            "users": self.count(row["size"]), "moves": self._moves(row),
            "refused": self.say("refused") if isinstance(row["refused"], str) else "", "why": row["refused"],
        }  # fmt: skip

    def _of_audience(self, row: dict, column: str) -> str:
        """Its name or description, as conf/audiences says it in a further language."""
        return language.said(self.further.get(row["audience_id"], {}), self.code, column) or self._text(row, column)

    def health(self) -> dict:
        """Checks, records, and how good the suggestions of four weeks ago were."""
        run, checks = self.run, self.rows.get("checks", [])
        total, met = (sum(row[name] for row in checks) for name in ("expectations", "met"))
        records = self.say("records", rows_in=run["rows_in"], loaded=run["rows_loaded"],
                           duplicates=run["rows_duplicate"], quarantined=run["rows_quarantined"])  # fmt: skip
        erased = run.get("rows_suppressed")
        if erased:
            records += self.words.lists.between + self.say("suppressed", n=erased)
        found = [(flag["severity"], self._found(flag), f"{flag['expectation']} ({flag['threshold']})")
                 for flag in self.rows.get("flags", [])]  # fmt: skip
        notes = [(text, how) for severity, text, how in found if severity == "info"]
        best = next(iter(self.rows.get("hits", [])), None)
        loud = [one for one in found if one[0] != "info"]
        all_but = "met" if loud or not notes else "met_notes"
        return {
            "checks": self.say("all_met", n=total) if met == total else self.say(all_but, met=met, n=total),
            "records": records + self.words.stop, "loud": loud, "notes": notes,
            "notes_title": self.say("notes", n=len(notes)),
            "hits": self.say("hits", day=str(best["ds"])[:10], hit=self.words.percent(best["hit_rate_10"]),
                             method=best["method"]) if best else "",
        }  # fmt: skip

    def _found(self, flag: dict) -> str:
        """A check that is not met, for people: where, what, and how many rows."""
        observed = str(flag["observed"])
        if rows := re.fullmatch(r"(\d+) of (\d+) rows \(([\d.e+-]+) %\)", observed):
            share = self.words.percent(float(rows[3]) / 100)
            shown = self.say("of_rows", n=int(rows[1]), all=int(rows[2]), share=share)
        elif re.fullmatch(r"-?\d+(\.\d+)?", observed):
            shown = self.words.plain_number(float(observed))
        else:
            shown = self.say("nothing") if observed == "None" else observed
        what = self.words.expectations.get(flag["expectation"], flag["expectation"])
        return self.say("found", table=_column(flag), expectation=what, observed=shown)

    def families(self) -> list[dict]:
        """Families with their segments, the largest first; without families every segment in one."""
        segments = self.rows.get("segments", [])
        users, year = (sum(float(row[name]) for row in segments) or 1 for name in ("size", "spend_365d"))
        most = max((row["size"] for row in segments), default=1)
        groups: dict[Any, Rows] = {}
        for row in segments:
            groups.setdefault(row.get("family_id"), []).append(row)
        shown = []
        for family, members in groups.items():
            size, money = (sum(float(row[name]) for row in members) for name in ("size", "spend_365d"))
            shown.append({
                "name": self._family(members[0]) if family is not None else "", "users": size / users,
                "money": money / year,
                "about": self.say("family", users=size, share=self.words.percent(money / year)),
                "segments": [self._segment(row, row["size"] / most) for row in members],
            })  # fmt: skip
        return sorted(shown, key=lambda family: -family["users"])

    def _segment(self, row: dict, part: float) -> dict:
        portrait, head = self.portraits.get(row["segment_id"]), float(row["spend_28d"]) / max(row["size"], 1)
        tastes = []
        for fact in portrait.tastes if portrait else []:
            share, base = self.words.against(fact.value, fact.comparison or 0.0)
            tastes.append((fact.called(self.code), self.say("share_against", share=share, base=base)))
        ways = [(self._text(way, "path"), self.say("way", share=self.words.percent(way["share"]),
                                                   lift=self.words.amount(way["lift"])))
                for way in _listed(row["journeys"])[:WAYS] if self.code in TABLED]  # fmt: skip
        return {
            "id": row["segment_id"], "number": self.say("number", n=str(row["segment_id"])),
            "name": self.names[row["segment_id"]], "users": self.count(row["size"]), "part": part,
            "share": self.words.percent(row["share"]), "a_head": self.say("a_head", spend=self.words.amount(head)),
            "moves": self._moves(row),
            "portrait": self._portrait(row, portrait),
            "tastes": tastes, "ways": ways, "rule": self._rule(row),
            "fits": self.say("fits", fit=self.words.percent(row["rule_fidelity"]))
            if row["rule_fidelity"] is not None else "",
        }  # fmt: skip

    def _portrait(self, row: dict, portrait: Portrait | None) -> str:
        """As it stands in the row; in a further language as a model wrote it that night, else by the templates."""
        if self.code in TABLED or not portrait:
            return self._text(row, "description")
        if answer := self.written.get(row["segment_id"]):
            return render(answer, portrait.facts.values(), self.code)
        return portrait.text(self.code)

    def _category(self, category: str) -> str:
        return self.labels.called(category, self.code)

    def more(self) -> dict:
        """What stands behind a click: all moves, stages, tags, offers and checks."""

        def percent(value: float | None) -> str:
            return "–" if value is None else self.words.percent(value)

        offers = self.rows.get("offers", [])
        return {
            "moves": [(self._of(row["from_segment_id"]), self._of(row["to_segment_id"]), self._cause(row["cause"]),
                       self.count(row["users"])) for row in self.rows.get("changes", [])],
            "stages": [(self._stage(row["lifecycle_stage"]), self.count(row["users"]))
                       for row in self.rows.get("stages", [])],
            "tags": [(self._tag(row), self.words.tag_kinds[row["kind"]], self.count(row["users"]),
                      percent(row["coverage"]), percent(row["previous_coverage"]))
                     for row in self.rows.get("tags", []) if row["users"]],
            "offers": [(title, percent(row["score"]), self._reason(row))
                       for title, row in zip(_titles(offers), offers, strict=True)],
            "checks": [(row["table"], self.words.severities.get(row["severity"], row["severity"]),
                        f"{row['met']} / {row['expectations']}") for row in self.rows.get("checks", [])],
        }  # fmt: skip

    def _name(self, row: dict, of: str = "segment") -> str:
        """The name of a segment or of its family: as it stands in the row, or written from its parts."""
        parts = _listed(row.get("name_parts" if of == "segment" else "family_parts"))
        if self.code in TABLED or not parts:
            return self._text(row, f"{of}_name")
        return self.words.named(parts, self._category)

    def traits(self, traits: list[dict] | None) -> list[dict]:
        """Traits of a segment with their names in this language."""
        return [trait | {"name": self._trait(trait)} for trait in _listed(traits)]

    def _trait(self, trait: dict) -> str:
        if self.code in TABLED:
            return self._text(trait, "name")
        kind, _, department = trait["feature"].partition(":")
        if department:
            return self.words.department.name.format(name=self._category(department))
        return self.words.traits[kind].name

    def _rule(self, row: dict) -> str:
        if self.code in TABLED:
            return self._text(row, "rule")
        found = [of["conditions"] for of in self.rows.get("rules", []) if of["segment_id"] == row["segment_id"]]
        if not found or found[0] is None:
            return ""
        return language.rule(found[0], self.code, self._category)

    def _ended(self, row: dict) -> str:
        if self.code in TABLED:
            return self._text(row, "description")
        into = self.words.listed([str(group) for group in _listed(row["successors"])]) or self.words.nowhere
        return self.words.ended.format(version=row["model_version"], users=self.count(row["left"]), into=into)

    def _tag(self, row: dict) -> str:
        """A tag, which is a segment's name where it is mined."""
        if self.code in TABLED:
            return self._text(row, "tag")
        tag = row["tag"]
        return self.words.tags.get(tag) or self.english.get(tag, tag)

    def _reason(self, row: dict) -> str:
        return self._text(row, "reason") if self.code in TABLED else self.words.reasons[row["reason_kind"]]

    def _moves(self, row: dict) -> str:
        """Who came and who went, where anybody did."""
        return self.say("came_went", plus=row["entered"], minus=row["left"]) if row["entered"] or row["left"] else ""

    def _family(self, row: dict) -> str:
        return self._name(row, "family")

    def _text(self, row: dict, column: str) -> str:
        """A column that stands in a row in two languages: in Chinese for a Chinese page, else in English."""
        text = row.get(f"{column}_zh") if self.code == "zh" else row.get(column)
        return text if isinstance(text, str) else ""

    def _of(self, segment: float | None) -> str:
        """The name of a segment that a user came from or went to; of none a dash."""
        if segment is None:
            return "–"
        return self.names.get(int(segment), str(int(segment)))

    def _stage(self, stage: str) -> str:
        return self.words.stage_names.get(stage, stage)

    def _cause(self, cause: str) -> str:
        return self.words.causes.get(cause, cause)


def _records(frame: pd.DataFrame) -> Rows:
    """The rows, with None for all that is null."""
    return frame.astype(object).where(frame.notna(), None).to_dict("records") if len(frame) else []


def _titles(offers: Rows) -> list[str]:
    """Of products, not in capitals, which read as shouting; of the same title with the product's id."""
    titles = [row["title"] or row["product_id"] for row in offers]
    shown = [title.capitalize() if title.isupper() else title for title in titles]
    return [
        f"{title} ({row['product_id']})" if shown.count(title) > 1 else title
        for title, row in zip(shown, offers, strict=True)
    ]


def _listed(value: Any) -> list:
    """A list of a row, as DuckDB's frames hold it; empty where it is null."""
    return [] if value is None else list(value)


def _merged(moves: Rows) -> Rows:
    """Moves from and to the same segments as one, whatever the cause; the largest first."""
    totals: dict[tuple, int] = {}
    for row in moves:
        pair = row["from_segment_id"], row["to_segment_id"]
        totals[pair] = totals.get(pair, 0) + row["users"]
    ranked = sorted(totals.items(), key=lambda item: (-item[1], item[0]))
    return [{"from_segment_id": old, "to_segment_id": new, "users": users} for (old, new), users in ranked]


def _column(flag: dict) -> str:
    return f"{flag['table']}.{flag['column']}" if flag["column"] else flag["table"]
