"""Which parts of a sentence are about us, not about who is meant: what a list is for, who asks, why?"""

from __future__ import annotations

import re
from collections.abc import Callable

_FOR = (
    r"(?:mailing|mailer|campaign|e-?mail|newsletter|push|promo|promotion|sale|event|blast|launch|test|sms|offer|drop|flyer"
    r"|survey|sample|sampling|voucher|invite|invitation|card|leaflet|catalogue|catalog|reminder|nudge|seed|lookalike"
    r"|look-alike|suppression|retargeting|win-?back|list|tier|trigger|brief|request|reward|giveaway|raffle|pilot)s?"
)
_REQUEST = (
    r"(?:please|pls|plz|kindly|give|find|show|send|get|pull|list|fetch|export|build|need|want|select|target|identify"
    r"|can|could|let)"
)
# At the head.
_HEADS = (
    re.compile(
        r"^[^\d:,。;]{0,24}?(?:活动|圈人|推送|短信|投放|营销|召回|唤醒|促销|运营|拉新|触达|发券|邮件|需求|圈选)"
        r"[^\d:,。;]{0,8}:(?=.)"
    ),
    re.compile(
        r"^(?:for|hi,? for) (?:the|our|an?|this|my|next|tomorrow's)\b[^\d,:;.]{0,60}?"
        rf"\b{_FOR}\b[ ,:-]*(?=(?:we|i|everyone|everybody|people|customers|users|shoppers|{_REQUEST})\b)"
    ),
    re.compile(rf"^[^\d,:;.()]{{0,40}}?\b{_FOR}\b[^\d,:;.()]{{0,24}}?(?: *:| +[-–—]) +(?=.)"),
    # We retire the circular, so please give me ...; my manager wants ...
    re.compile(
        rf"^(?:[a-z]+[!,.] )?(?:we|i|we're|i'm|my|our)\b[^.;!?]{{3,80}}?(?:[,.;] (?:so|and|hence|therefore)?,? ?| so )"
        rf"(?=(?:i|we)?\b ?{_REQUEST}\b)"
    ),
    re.compile(
        r"^(?:[a-z]+[!,.]+ )?(?:my|our|the) (?:\w+ )?(?:manager|boss|team|ceo|cmo|director|client|colleague)s?"
        r" (?:(?:would )?(?:wants?|needs?|asked|asks|likes?)(?: for| to (?:see|have|know|get))?|is (?:asking|after))\b"
    ),
)
# Behind it: whom I would like to thank; so that we can send them a card.
_TAILS = (
    re.compile(
        r",? (?:whom|who|which|that) (?:i|we)(?:'d)? (?:would|want|plan|need|intend|wish|like|hope|can|will)\b[^,;:]*$"
    ),
    re.compile(r",? (?:so (?:that )?(?:we|i)|because (?:we|i|our)|(?:since|as) (?:we|i) (?:want|plan|need|are))\b.*$"),
    re.compile(rf",? for (?:a|an|the|our|my|this|next|tomorrow's) (?:[\w'-]+ ){{0,4}}{_FOR}$"),
    re.compile(
        r",? (?:to|and) (?:send|mail|e-?mail|offer|invite|thank|reward|remind|contact|reach out to|nudge|write to)"
        r" (?:them|him|her|these|those)?\b[^,;:]*$"
    ),
)
_DOES = re.compile(
    r"[买购搜看逛付退花]|下单|浏览|加购|收藏|没|未|不|\b(?:who|not|bought|buy|viewed|never|without|spent)\b"
)


def without_asides(plain: str, says_who: Callable[[str], bool]) -> tuple[str, list[str]]:
    """The sentence without such parts, and them. says_who: whether a part says who people are, and stays."""
    found = []
    for pattern in (*_HEADS, *_TAILS):
        cut = pattern.search(plain)
        if (
            cut is None
            or re.search(r"\d", cut[0])
            or _DOES.search(re.sub(r"^,? who\b", "", cut[0]))
            or says_who(cut[0])
        ):
            continue
        rest = (plain[: cut.start()] + plain[cut.end() :]).strip()
        if len(rest) > 2:
            found.append(cut[0].strip(" :,-.;!"))
            plain = rest
    return plain, found
