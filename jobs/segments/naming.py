"""A night's names: those of last night that still hold, new ones for the others, and the families above them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from jobs.language import Labels
from jobs.segments import families, names
from jobs.segments.assign import SegmentModel
from jobs.segments.names import Known, Name, Options, Phrase
from jobs.segments.portraits import Portraits
from jobs.segments.tastes import FAINT_LIFT, FAINTLY, MOST, Counts


@dataclass(frozen=True, slots=True)
class Naming:
    """By segment. parts: gold.segments.name_parts; families: id, parts, English and Chinese name."""

    names: dict[int, Name]
    parts: dict[int, list[str]]
    families: dict[int, tuple[int, list[str], str, str]]

    def family(self, segment: int) -> dict:
        """The columns of gold.segments."""
        return dict(
            zip(("family_id", "family_parts", "family_name", "family_name_zh"), self.families[segment], strict=True)
        )


def name(
    model: SegmentModel, portraits: Portraits, sizes: Mapping[int, int], counts: Counts, labels: Labels,
    before: Sequence[dict], highest: int,
) -> Naming:  # fmt: skip
    """before: rows of gold.segments of the last night; highest: the greatest family id ever used."""
    living = {row["segment_id"]: row for row in before if row["status"] != "died"}
    known = {group: of_group(portraits, sizes, counts, labels, [group]) for group in portraits.means}
    phrases = named(known, {group: row.get("name_parts") or [] for group, row in living.items()})
    segments = {group: names.written(parts) for group, parts in phrases.items()}

    here = families.cut(model.ids, model.centers_KD)
    former = {group: row["family_id"] for group, row in living.items() if row.get("family_id")}
    by_id = families.with_ids(here, sizes, former, highest)
    of_family: dict[int, tuple[int, list[str], str, str]] = {}
    if len(model.ids) < families.APART:
        lone = {family: group for family, (group,) in by_id.items()}
        of_family = {
            group: (family, [phrase.key for phrase in phrases[group]], *segments[group])
            for family, group in lone.items() if group in segments
        }  # fmt: skip
    else:
        whole = {
            family: of_group(portraits, sizes, counts, labels, members)
            for family, group in by_id.items() if (members := [one for one in group if one in sizes])
        }  # fmt: skip
        old = {row["family_id"]: row["family_parts"] for row in living.values() if row.get("family_parts")}
        for family, parts in named(whole, old, names.of_family).items():
            keys = [phrase.key for phrase in parts]
            of_family |= {one: (family, keys, *names.written(parts)) for one in by_id[family]}
    return Naming(segments, {group: [p.key for p in parts] for group, parts in phrases.items()}, of_family)


def of_group(
    portraits: Portraits, sizes: Mapping[int, int], counts: Counts, labels: Labels, segments: Sequence[int]
) -> Known:
    """What can be said of several segments as one group."""
    users = sum(sizes[one] for one in segments)
    each = [(sizes[one] / users, portraits.z_scores(one)) for one in segments]
    z = {trait.key: sum(part * scores[trait.key] for part, scores in each) for trait in portraits.traits}
    means = {
        trait.key: sum(sizes[one] / users * portraits.means[one][trait.key] for one in segments)
        for trait in portraits.traits
    }
    tastes = counts.tastes(segments, labels)
    faint = counts.tastes(segments, labels, 4 * MOST, FAINT_LIFT, FAINTLY)
    phrases = names.of_tastes(tastes)
    traits = [t for t in portraits.traits if t.theme != "taste" or not phrases]
    strong = names.phrases(z, traits, means=means)
    weak = names.phrases(z, traits, names.STRONG / 2, means)
    weak = [phrase for phrase in weak if phrase.key not in {one.key for one in strong}]
    clear, lift = (tastes[0]["clear"], tastes[0]["lift"]) if tastes else (0.0, 1.0)
    return Known(phrases, strong + weak, clear, lift, tuple(names.of_tastes(faint, FAINT_LIFT)))


def named(
    known: Mapping[int, Known], before: Mapping[int, Sequence[str]], options_of: Options = names.candidates
) -> dict[int, tuple[Phrase, ...]]:
    """The phrases of each group's name: last night's (`before`: their keys), while tonight all of them hold, else new
    ones. Labels may have changed since: of two names that have become the same, the second is a new one.
    """
    kept: dict[int, tuple[Phrase, ...]] = {}
    taken: list[Name] = []
    for group in sorted(known.keys() & before.keys()):
        true = names.true_of(known[group])
        if not before[group] or not all(key in true for key in before[group]):
            continue
        parts = tuple(true[key] for key in before[group])
        if not names.meets(names.written(parts), taken):
            kept[group] = parts
            taken.append(names.written(parts))
    fresh = {group: of for group, of in known.items() if group not in kept}
    return kept | names.name_groups(fresh, taken, options_of)
