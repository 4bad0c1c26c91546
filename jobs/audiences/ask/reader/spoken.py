"""Which words of a Chinese sentence are talk around it, and which say at length what others say short?"""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

import yaml

_ENDS = re.compile(r"([,。;!?~]+|\.{2,})")
# What a clause has that says who people are; one without any of it may be talk.
_SAYS = re.compile(
    r"[买购花逛退囤屯没未无]|不(?!好意思|急|用谢)|下单|下过单|消费|浏览|加购"
    r"|收藏|点击|搜|成交|付款|付钱|复购|回购|流失|活跃|沉睡|沉默|价值|新客|老客|回头客"
    r"|会员|用户|顾客|人群|占|折|券|促销|优惠|特价|一半|孩|岁|收入|已婚|未婚|男|女|品牌|周末|晚上|以上|以下"
    r"|排名|前\d|\d+ ?[%岁单次件天元块刀]|[近过]\d"
)
_DONE = re.compile("[过了的]|人$|客")  # what somebody did, or who: 送过礼, 送货上门的
_SENT = re.compile(
    r"(?:发|推送?|送|寄|派|配|给|投放?)[^,]{0,8}?(?:券|红包|短信|优惠|折扣|福利|赠品|试用装?|样品|小样|邮件|消息)"
)
_CALLS = re.compile(
    r"(?:hi|hello|哈喽|嗨|亲爱的|尊敬的)?(?:各位|亲爱的|诸位|姐妹|兄弟|姐|哥|亲|宝|宝贝|宝子|家人|老铁|伙伴|小伙伴|同事|同学|同仁|老师|大佬|老板|领导|小助手|助手|朋友|群友|店长|经理)?"
    r"(?:[们子]|好|您好|你好|老师|在吗|早|上好|下午好)*"
)
# What is done with the list, before who is in it, or behind that.
_AIM = re.compile(
    r"(?:(?:最近|这次|本次|今天|明天|下周|下个?月|周末|马上|接着|然后|回头|稍后|之后|随后|后续|我|我们|咱们|店里|老板|领导|运营|总监|主管|客服|市场部|这边|也|就|要|会|得|该|可|可以|好|想|打算|准备|计划|拟"
    r"|为了?|用于|用来|用作|作为|以便|方便|便于|配合|针对|由于|因为|让我|叫我|说要|说|在|一起|统一|单独|逐个|重点|定向)*)"
    r"(?:做|发|推|推送|送|寄|打|搞|办|拉|建|给|配|派|投|投放|触达|回访|跟进|召回|唤醒|激活|安排|试|测|通知|邀请|邀约|约|上新|到货|清仓|开店|周年|店庆|感恩|活动|促销|营销|分析|复盘|汇报|备货|补货|能否|可以吗|可否|行吗|谢|辛苦|麻烦|拜托|急|有吗|帮|怎么|请|辛)"
)
# Talk about what will be sent, around who gets it: 想给A发个红包.
_GIVES = re.compile(
    r"^(?:我们?|咱们?|这次|最近|老板|领导)?(?:想|要|想要|准备|打算|计划|需要|拟)?(?:给|对|向|针对|面向)([^,。;:]{2,40}?)"
    r"(?:发|推|送|寄|做|搞|派|投放|安排)(?:个|点|些|一|张|份|波|条|封|下|放|送|一下|一波|一张|一份)*[^,。;:\d买购没未过的]{1,10}(?:[,。;:]|$)"
)
# What a list is called: before a colon or a comma, or in quotes before the word for it.
_TITLE = re.compile(
    r"^(?!排除|剔除|去掉|除|不|属于|在|来自)[^,。;:\d]{1,12}?"
    r"(?:(?:候选|包|池|名单|清单|相关|种子|需求|计划|项目|策略|定义|口径|规则|画像|敏感|人选|方案|场景|圈选|筛选|排除):|[包池],(?=.{6}))"
)
_OF_LISTS = re.compile("会员|用户|人群|满减|券|活跃|价值|流失|促销|优惠")  # in the name of a list
# What is to be sold to them: 想推早餐麦片:.
_PUSHES = re.compile(
    r"^(?:我们?|咱们?)?(?:想|要|准备|打算|计划)?(?:主|力|重点)?推(?:广|一波|一下)?[^,。;:\d没未买购]{1,10}[:,]"
)
_CALLED = re.compile(r"(?:一个|个|一份|份|一批)[“\"「][^”\"」]+[”\"」](?:的)?(?:人群包|包|名单|清单)(?![里中内])[,:]?")
# Who is old, where a number says from which age.
_OLD = re.compile(r"(?:年纪|岁数|年龄)(?:比较|较|有点)?大(?:一?点|些)?的?|上了(?:年纪|岁数)的?")
_LISTED = re.compile(
    r"([^,。;:\s]{1,12}(?:[、和与及][^,。;:、和与及\s]{1,8}?)+)(?:这|那)?([两二三四五六2-6])(?:类|种|样|款|个品类|大类|者)(?!以)"
)
_NUMBERS = dict(zip("二两三四五六23456", (2, 2, 3, 4, 5, 6, 2, 3, 4, 5, 6), strict=True))


def without_talk(plain: str) -> tuple[str, list[str]]:
    """The sentence (folded) without calls, names of the list and purposes, and those."""
    passed = []
    title = _TITLE.match(plain)
    if title and not _SAYS.search(_OF_LISTS.sub("", title[0])):
        passed.append(title[0])
        plain = plain[title.end() :]
    if pushed := _PUSHES.match(plain):
        passed.append(pushed[0])
        plain = plain[pushed.end() :]
    passed += [found[0] for found in _CALLED.finditer(plain)]
    plain = _CALLED.sub("", plain)
    plain = _GIVES.sub(lambda found: f"{found[1]},", plain).rstrip(",")
    parts = [*_ENDS.split(plain), ""]
    clauses = list(zip(parts[::2], parts[1::2], strict=True))
    talk = [_talk(clause.strip(), first=not place) for place, (clause, _) in enumerate(clauses)]
    kept = [clause + end for (clause, end), idle in zip(clauses, talk, strict=True) if not idle]
    passed += [clause for (clause, _), idle in zip(clauses, talk, strict=True) if idle and clause.strip()]
    rest = "".join(kept).rstrip(",;")
    return (rest, [one.strip(" :,") for one in passed]) if rest else (plain, [])


def _talk(clause: str, *, first: bool) -> bool:
    if _CALLS.fullmatch(clause):
        return True
    asks = first and clause.startswith(("请", "帮", "给", "拉", "麻烦", "要"))
    told = _DONE.search(clause) and not clause.startswith(("为", "配合", "因为", "由于"))
    return bool(_AIM.match(clause)) and not (asks or told or _SAYS.search(_SENT.sub("", clause)))


def turned(plain: str) -> str:
    """Turns of speech in the words that the lexicon has; a list that is counted behind it as one joined by "and"."""
    for said, meant in _turns():
        plain = said.sub(meant, plain)
    if re.search(r"\d\d ?岁?(?:及|或)?以上", plain):
        plain = _OLD.sub("年龄", plain)
    return _LISTED.sub(_joined, plain)


@cache
def _turns() -> list[tuple[re.Pattern[str], str]]:
    room = Path(__file__).parents[1]
    listed = yaml.safe_load((room / "turns.yaml").read_text(encoding="utf-8"))
    english = yaml.safe_load((room / "turns.en.yaml").read_text(encoding="utf-8"))
    return [(re.compile(_whole(said, english["parts"])), meant) for said, meant in [*listed, *english["turns"]]]


def _whole(pattern: str, parts: dict[str, str]) -> str:
    """A pattern with the parts that it names."""
    for name in (found[1] for found in re.finditer(r"<([a-z]+)>", pattern)):
        pattern = pattern.replace(f"<{name}>", _whole(parts[name], parts))
    return pattern


def _joined(found: re.Match[str]) -> str:
    things = re.split("[、和与及]", found[1])
    negated = re.search("[没未不]", found[1])
    return found[0] if negated or len(things) != _NUMBERS[found[2]] else "和".join(things)
