"""A rule in words, in Chinese; in English jobs/audiences/rule/words.py has them."""

from __future__ import annotations

from jobs.audiences.rule import conditions as c
from jobs.audiences.rule.measures import Measure, Where
from jobs.audiences.rule.parts import EVER, Comparison, Part, Span, Test, Window
from jobs.audiences.rule.words import number

EVENTS = {
    "view": "浏览", "click": "点击", "search": "搜索", "favourite": "收藏", "cart": "加购", "uncart": "移出购物车",
    "purchase": "购买", "refund": "退货",
}  # fmt: skip
_SIGNS = {">=": "至少", "<=": "至多", ">": "超过", "<": "少于", "=": "恰好"}
_COUNTED = {
    "events": "次数",
    "orders": "订单数",
    "days": "天数",
    "products": "商品数",
    "categories": "品类数",
    "pieces": "件数",
}
_MONEY = {"amount": "金额", "discount": "优惠", "price": "单价", "quantity": "件数"}
_HOW = {"sum": "总", "average": "平均", "smallest": "最小", "largest": "最大"}
_UNITS = {"days": "天", "weeks": "周", "months": "个月"}


def compared(said: Comparison) -> str:
    if said.none:
        return "为零"
    if said.between:
        return f"在{number(said.between[0])}与{number(said.between[1])}之间"
    return "且".join(f"{_SIGNS[sign]}{number(value)}" for sign, value in said.bounds)


def window(said: Window) -> str:
    if said.ever:
        return ""
    if said.current:
        return {"week": "本周", "month": "本月", "year": "今年"}[said.current]
    if said.between:
        return f"{said.between[0]}至{said.between[1]}"
    if said.after or said.before:
        return (f"{said.after}之后" if said.after else "") + (f"{said.before}之前" if said.before else "")
    unit = next(name for name in _UNITS if getattr(said, f"last_{name}"))
    last = f"{getattr(said, f'last_{unit}')}{_UNITS[unit]}"
    last = f"{said.skip}{_UNITS[unit]}以前的{last}" if said.skip else f"近{last}"
    if said.each:
        return f"{last}每{_UNITS[unit].removeprefix('个')}都"
    return f"{last}中至少{said.at_least_in}{_UNITS[unit]}" if said.at_least_in else last


def tested(where: Where) -> str:
    return "，".join(f"{name}{_test(test)}" for name, test in where.items())


def _test(test: Test) -> str:
    parts = [f"为{'或'.join(map(str, test.is_))}" if test.is_ else "",
             f"不为{'或'.join(map(str, test.not_))}" if test.not_ else "",
             f"含{'或'.join(test.contains)}" if test.contains else "",
             f"以{'或'.join(test.starts_with)}开头" if test.starts_with else "",
             compared(test) if test.bounds else "", f"在{window(test.in_)}" if test.in_ else "",
             "" if test.known is None else "已知" if test.known else "未知"]  # fmt: skip
    return "且".join(filter(None, parts))


def events(types: tuple[str, ...], where: Where) -> str:
    done = "任何行为" if len(types) == len(EVENTS) else "或".join(EVENTS[kind] for kind in types)
    return done + (f"（{tested(where)}）" if where else "")


def measured(said: Measure) -> str:
    how, what = said.how
    counted = _COUNTED[what] if how == "count" else _HOW[how] + _MONEY[what]
    net = {"counted": "", "left_out": "，不计退货", "net": "，扣除退款"}[said.refunds]
    return f"{window(said.in_)}{events(said.did, said.where)}{counted}{net}"


def span(said: Span) -> str:
    return f"{said.days}天" if said.days else f"{said.hours}小时"


def leaf(said: Part) -> str:
    if isinstance(said, c.Did):
        return (
            f"{measured(said)}{compared(said.held)}"
            if said.bounds
            else f"{window(said.in_)}有{events(said.did, said.where)}"
        )
    if isinstance(said, c.First | c.Last):
        which, types = ("首次", said.first) if isinstance(said, c.First) else ("最近一次", said.last)
        was = f"是{tested(said.was)}" if said.was else ""
        return f"{which}{events(types, said.where)}{was}" + ("" if said.in_ == EVER else f"在{window(said.in_)}")
    if isinstance(said, c.Again):
        return f"{window(said.in_)}在间隔{said.after_days}天以上后再次{events(said.again, said.where)}"
    if isinstance(said, c.Regularly):
        return f"{window(said.in_)}定期{events(said.regularly, said.where)}"
    if isinstance(said, c.Stopped):
        return f"定期{events(said.stopped, said.where)}，且已超过自身间隔的{number(said.overdue)}倍"
    if isinstance(said, c.Then):
        steps = []
        for step in said.then:
            limit = f"{span(step.within)}内" if step.within else ""
            steps.append(limit + ("未" if step.not_ else "") + events(step.types, step.where))
        return window(said.in_) + "，然后".join(steps) + ("（同一对象）" if said.same else "")
    if isinstance(said, c.Compared):
        return f"{measured(said.compared)}是{measured(said.to)}的{compared(said)}倍"
    if isinstance(said, c.Share):
        return f"{measured(said.share)}占全部的{compared(said)}"
    if isinstance(said, c.Top):
        many = f"前{number(said.percent)}%" if said.percent else f"前{said.users}名"
        among = "" if said.among is None else f"在“{rule(said.among)}”的用户中，"
        return f"{among}{measured(said.top)}{many}"
    if isinstance(said, c.Is):
        return tested(said.is_)
    if isinstance(said, c.Audience | c.Segment):
        group = f"受众{said.audience}" if isinstance(said, c.Audience) else f"人群{said.segment}"
        return f"属于{group}" + ("" if said.since == EVER else f"，{window(said.since)}进入")
    if isinstance(said, c.Left):
        return f"{window(said.in_)}离开受众{said.left}"
    if isinstance(said, c.MovedFrom):
        return f"{window(said.in_)}离开人群{said.moved_from}"
    if isinstance(said, c.Suggested):
        return f"被推荐{tested(said.suggested)}"
    raise TypeError(f"no words for {type(said).__name__}")


def rule(said: Part) -> str:
    if isinstance(said, c.Not):
        return f"并非（{rule(said.not_)}）"
    if parts := c.children(said):
        return ("，且" if isinstance(said, c.AllOf) else "，或").join(f"（{rule(part)}）" for part in parts)
    return leaf(said)
