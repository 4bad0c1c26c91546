"""What a segment is called, and a sentence about it: phrases of the traits in which it differs most."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection

from jobs.segments.portraits import Portraits
from jobs.segments.traits import Trait

# A group's mean is worth a phrase from this far off the mean of all, in standard deviations of users.
STRONG = 0.35
PLAIN = ("everyday shoppers", "日常客群")  # said of a group without a strong trait


def phrases(z: dict[str, float], traits: list[Trait], least: float = STRONG) -> list[tuple[str, str]]:
    """(English, Chinese) phrases for a group with mean z-scores `z` from `least` on, strongest first, one a theme,
    value first.
    """
    chosen, themes = [], set()
    for trait in sorted(traits, key=lambda t: (t.theme != "value", -abs(z[t.key]), t.key)):
        text = (trait.high, trait.high_zh) if z[trait.key] > 0 else (trait.low, trait.low_zh)
        if abs(z[trait.key]) < least or not text[0] or trait.theme in themes:
            continue
        themes.add(trait.theme)
        chosen.append(text)
    return chosen


def name_groups(
    z_by_group: dict[int, dict[str, float]], traits: list[Trait], given: Collection[tuple[str, str]] = ()
) -> dict[int, tuple[str, str]]:
    """A (English, Chinese) name for each group, unique in either language: two phrases, more where two groups would
    share a name, at last such as are not strong, then the group's number.

    given: names that other groups have already. Two departments may have one label.
    """
    strong = {group: phrases(z, traits) or [PLAIN] for group, z in z_by_group.items()}
    weak = {group: phrases(z, traits, STRONG / 2) for group, z in z_by_group.items()}
    ordered = {group: best + [phrase for phrase in weak[group] if phrase not in best] for group, best in strong.items()}
    names: dict[int, tuple[str, str]] = {}
    for more in range(max(map(len, ordered.values()), default=0)):
        for group in sorted(set(ordered) - set(names)):
            names[group] = _join(ordered[group][: min(2, len(strong[group])) + more])
        english, chinese = (Counter(texts) for texts in zip(*given, *names.values(), strict=True))
        clashes = {group for group, (en, zh) in names.items() if english[en] > 1 or chinese[zh] > 1}
        if not clashes:
            break
        names = {group: name for group, name in names.items() if group not in clashes}
    for group in sorted(set(ordered) - set(names)):
        en, zh = _join(strong[group])
        names[group] = (f"{en} {group}", f"{zh}{group}")
    return names


def _join(chosen: list[tuple[str, str]]) -> tuple[str, str]:
    en = " · ".join(text for text, _ in chosen)
    return en[:1].upper() + en[1:], "·".join(text for _, text in chosen)


def names_of(portraits: Portraits, before: dict[int, tuple[str, str]]) -> dict[int, tuple[str, str]]:
    """A name for each segment: last night's, while tonight's traits still say part of it, else a new one."""
    traits, z = portraits.traits, {group: portraits.z_scores(group) for group in portraits.means}
    kept = {}
    for group in z.keys() & before.keys():
        true = {text.lower() for text, _ in phrases(z[group], traits)} or {PLAIN[0]}
        if any(part.lower() in true for part in before[group][0].split(" · ")):
            kept[group] = before[group]
    fresh = {group: scores for group, scores in z.items() if group not in kept}
    return kept | name_groups(fresh, traits, kept.values())


def sentence(size: int, share: float, spend: float, total: float, chosen: list[tuple[str, str]]) -> tuple[str, str]:
    """A one-sentence portrait of a group, English and Chinese; `spend` and `total` are money in 365 days."""
    part = spend / total if total else 0.0
    en = ", ".join(text for text, _ in chosen[:4]) or "close to the average in every trait"
    zh = "、".join(text for _, text in chosen[:4]) or "各项特征接近整体平均"
    return (
        f"{size:,} users ({share:.0%}) who bring {part:.0%} of the year's spend: {en}.",
        f"{size:,}位用户（占{share:.0%}），贡献全年消费的{part:.0%}：{zh}。",
    )
