"""Which words mean another thing by what stands beside them?"""

from __future__ import annotations

import re
from dataclasses import replace

from jobs.audiences.ask.token import Token


def of_stages(said: list[Token]) -> list[Token]:
    """Beside the word "stage", names of stages are these, whatever else they say of people."""
    if not any("STAGEWORD" in token and token.said != "期" for token in said):
        return said
    found = []
    for token in said:
        stages = tuple(one for one in token.kinds.get("IS", ()) if "lifecycle_stage" in one)
        found.append(replace(token, kinds={"IS": stages}) if stages else token)
    return found


# 近7天买过的不要: left out, as if the word stood before it.
_LEFT_OUT = re.compile(
    "((?:^|[,。;])(?:但是|但|不过|另外|同时)?)(?:把|将)?((?:(?!排除|除|不要|剔除|去掉)[^,。;]){2,24}?)的?(?:人|用户|客户|会员)?(?:都|也|全|全部|要)?"
    "(?:不要|除外|去掉|排除|剔除|别要|筛掉|排掉|刨掉|刨除|踢掉|过滤掉|滤掉|扣掉|拿掉|不算|别放进来|就别放了)(?:掉|了)?(?=[,。;]|$)"
)
# 除了A还买了B: both.
_BESIDES = re.compile(
    "除了?([^,。;]{1,12}?)(?:以外|之外|外)?,?(?:还|也|又)((?:购买|浏览|加购|收藏|搜索|买|看|搜)(?:过|了)?)(?!没|不)"
)
_BESIDES_EN = re.compile(
    r"\b(?:besides|apart from|in addition to|aside from) ([a-z ]{1,30}?),? (?:they |has |have )*also (\w+)"
)


# Not in a month: so many days, and not "a month" as each.
_IN_A = re.compile(
    r"\b(in|for) (over |more than |at least )?(?:a|one) (week|fortnight|month|quarter|year)\b(?! (?:row|of|or))"
)
# A, plus anybody who B: either, for they are added to the list.
_ALSO_THOSE = re.compile(
    r"\b(?:plus|as well as|along with|together with)"
    r"(?= (?:also )?(?:all |any )?(?:any(?:one|body)|every(?:one|body)|those|people|customers|shoppers|households)\b)"
)
# L12W, last 6m: as who writes tables shortens days.
_SHORT = re.compile(r"\b(l|last |past )(\d{1,3}) ?([dwmy])\b")
_UNITS = {"d": "days", "w": "weeks", "m": "months", "y": "years"}


def with_ends(plain: str) -> str:
    """A note on the end of a range as the word that says it: `10个以上(不含10个)` is 超过10个."""
    plain = _ALSO_THOSE.sub("or", plain)
    plain = _IN_A.sub(r"\1 \g<2>1 \3", plain)
    plain = _SHORT.sub(lambda m: f"last {m[2]} {_UNITS[m[3]]}", plain)
    plain = _LEFT_OUT.sub(lambda m: f"{m[1]}排除{re.sub('的(?:和|以及|与|及|跟|、)', '的,排除', m[2])}的", plain)
    plain = _BESIDES.sub(r"\2\1并且\2", plain)
    plain = _BESIDES_EN.sub(r"\2 \1 and \2", plain)
    plain = re.sub(r"\((?:含|包含|包括)[^()]{1,6}\)", "", plain)
    number = r"(?:\d[\d.,]*|[一二两三四五六七八九十百千万半成]+)[^\W\d]{0,2}?"
    strict = re.compile(rf"({number})(?:及|或)?以([上下])([^()]{{0,12}})\((?:不含|不包含|不包括)[^()]{{1,6}}\)")
    return strict.sub(lambda m: f"{'超过' if m[2] == '上' else '少于'}{m[1]}{m[3]}", plain)


def apart(token: Token, plain: str) -> list[Token]:
    """ "100 on milk and over 50 on beer": what follows a number elsewhere begins another one here."""
    if token.said == "+" and not re.search(r"\d\s?(?:k|m|w|grand|%|万|千|百)?\s*$", plain[: token.start]):
        return [Token({"AND": ""}, token.start, token.end, "+")]
    words_ = token.said.split(" ", 1)
    if "CMPPOST" not in token or words_[0] != "and" or not re.match(r"\s*[$€£¥]?\s*\d", plain[token.end :]):
        return [token]
    middle = token.start + 4
    how = {"over": "more_than", "above": "more_than", "under": "less_than", "below": "less_than"}.get(words_[1])
    if how is None:
        return [token]
    return [Token({"AND": ""}, token.start, middle - 1, "and"), Token({"CMP": how}, middle, token.end, words_[1])]


def defined(said: list[Token], plain: str) -> list[Token]:
    """Names for who is meant, before a colon, in the words behind it alone: 酸奶重度:近12周至少8周买过."""
    colon = plain.find(":")
    head = [token for token in said if token.start < colon]
    body = [token for token in said if token.start > colon]
    if not body or any(token.may("EVENT", "NUM", "LAST", "CAL", "NEG") for token in head):
        return said
    undone = any(token.may("NEG", "NEGANY", "STOPPED") for token in body)
    done = undone or any(token.may("EVENT") for token in body)

    def named(token: Token) -> bool:
        absent = "not" in str(token.kinds.get("PEOPLE", "")) or token.may("STOPPED", "BREAK")
        return (absent and (undone or "OVERDUE" in str([t.kinds for t in body]))) or (
            done and token.may("HEAVY", "LABEL", "OFTEN")
        )

    return [token for token in said if token not in head or not named(token)]


def explained(row: list[Token], plain: str) -> list[Token]:
    """A window in brackets in place of the word before it, of which it gives the days: 五一假期(5月1日到5日)."""
    for found in re.finditer(r"\(([^()]*)\)", plain):
        within = [token for token in row if found.start() <= token.start and token.end <= found.end()]
        said = [token for token in within if "OPEN" not in token]
        before = [token for token in row if token.end <= found.start()]
        whole = len(said) == 1 and set(said[0].kinds) <= {"WINDOW", "STATED"}
        if not whole or not before or plain[before[-1].end : found.start()].strip():
            continue
        named = before[-2:] if before[-1].kinds.keys() <= {"TUNIT", "SPAN"} else before[-1:]  # Halloween week
        if named[0].may("WINDOW", "PERIOD", "DATE", "UNRECORDED", "CLOSED"):
            row = [token for token in row if token not in named]
    return row


def by_device(token: Token, plain: str) -> Token:
    """What is bought on a phone is not a phone."""
    on = re.match("上|端", plain[token.end :]) or re.search(
        r"(?:\bon (?:the|their|a)|\b(?:using|via|through|by)(?: the| their| a)?) $|(?:用|通过)$", plain[: token.start]
    )
    if "NARROW" in token and "OBJ" in token and on:
        return replace(token, kinds={kind: value for kind, value in token.kinds.items() if kind != "OBJ"})
    return token
