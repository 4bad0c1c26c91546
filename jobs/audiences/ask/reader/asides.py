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
# A part between marks in which somebody speaks of himself, greets or thanks, or says what is done with "them".
_MARKS = re.compile(r"([,.;:!?]+(?=\s|$|[\u3400-\u9fff])| [-–—]+ )")
_SPEAKS = re.compile(
    r"^\s*(?:(?:(?:and|but|so|since|because|as|well|if|when|after|before|while|where)\s+)?(?:i|we|my|our|i'm|we're|i'll|we'll|i've|we've|i'd"
    r"|we'd|let's|let us)\b"
    r"|(?:hi|hello|hey|hiya|dear|howdy|greetings|morning|good (?:morning|afternoon|evening)|happy)\b"
    r"|(?:thanks|thank you|many thanks|cheers|regards|best|kind regards|thx|much appreciated|appreciate)\b"
    r"|(?:to|so|so that|for|because|since|as|they|we|and|in order to|that way)\b.*\b(?:them|they|these)\b"
    r"|they (?:are to|will|shall|should|get|deserve)\b"
    r"|(?:(?:因为|由于|为了?|方便|好让|以便|这样|所以|然后|顺便|麻烦|请)?(?:我|咱|老板|领导|客服|店长|运营)|方便|好让|以便|为了))"
)
_PEOPLE = re.compile(
    r"\b(?:who|whose|that|those|ones?|people|customers?|shoppers?|users?|members?|folks?|buyers?|households?|everyone|everybody"
    r"|anyone|anybody|clients?|guys|persons?)\b|[人户者]|客(?!服)|(?<![我咱])们"
)
_TO_THEM = re.compile(
    r",? (?:in order |so as )?(?:to|and) (?:then |also )?[a-z]+ (?:them|him|her|these people)\b[^,;:.]*$"
)
_DOES = re.compile(
    r"[买购搜看逛付退花]|下单|浏览|加购|收藏|没|未|不|\b(?:who|not|bought|buy|viewed|never|without|spent)\b"
)


def without_asides(
    plain: str, says_who: Callable[[str], bool], says_nothing: Callable[[str], bool]
) -> tuple[str, list[str]]:
    """The sentence without such parts, and them. says_who: whether a part says who people are, and stays; says_nothing:
    whether a part has no word of the lexicon or of the shop.
    """
    plain, found = _without_remarks(plain, says_nothing)
    tail = _TO_THEM.search(plain)
    if tail and says_nothing(tail[0]):
        found.append(tail[0].strip(" ,"))
        plain = plain[: tail.start()]
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


def _without_remarks(plain: str, says_nothing: Callable[[str], bool]) -> tuple[str, list[str]]:
    parts = [*_MARKS.split(plain), ""]
    clauses = list(zip(parts[::2], parts[1::2], strict=True))
    talk = [
        bool(_SPEAKS.match(one)) and not _PEOPLE.search(one) and not re.search(r"\d", one) and says_nothing(one)
        for one, _ in clauses
    ]
    if not any(talk):
        return plain, []
    rest = "".join(clause + end for (clause, end), idle in zip(clauses, talk, strict=True) if not idle)
    return rest.strip(" ,;:"), [clause.strip() for (clause, _), idle in zip(clauses, talk, strict=True) if idle]
