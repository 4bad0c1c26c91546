"""Texts that users and their programs send, made comparable: search queries, user agents. Plain columns, no Python."""

from __future__ import annotations

import unicodedata
from functools import cache

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F


@cache
def _width_table() -> tuple[str, str]:
    """Characters and what Unicode's NFKC makes of them, where that is one character too: full-width letters, digits
    and punctuation, half-width katakana and hangul, the ideographic and other spaces, circled and superscript digits.
    """
    pairs = [(c, unicodedata.normalize("NFKC", c)) for c in map(chr, range(0x80, 0x20000))]
    folded = [(c, to) for c, to in pairs if len(to) == 1 and to != c]
    return "".join(c for c, _ in folded), "".join(to for _, to in folded)


def normalised_query(query: Column) -> Column:
    """A search text with widths folded, in lower case, single-spaced and trimmed; null where nothing is left.

    Traditional and simplified characters stay as they are. Folding is NFKC character by character: what NFKC makes
    several characters of (㎏, ﬁ) or composes (half-width kana with a voice mark) stays as well.
    """
    spaced = F.regexp_replace(F.lower(F.translate(query, *_width_table())), r"[\s\p{Z}\p{Cc}\u200b\ufeff]+", " ")
    return F.nullif(F.trim(spaced), F.lit(""))


# In the order in which they are asked; the first that is found says what the agent is. Lower case.
_DEVICES = (
    # What calls itself a crawler, or is a tool that no shop's customer reads pages with. CUBOT is a make of telephones.
    ("bot", r"(?:^|[^u]|(?:^|[^c])u)bot\b|bot[/_.-]|robot|crawl|spider|slurp|scrap[ey]|archiver|fetcher|validator|checker"
            r"|indexer|monitor|(link ?|uri|bing)preview|google-|whatsapp|feed|lighthouse|mediapartners|facebookexternalhit"
            r"|headless|phantomjs|puppeteer|playwright|selenium|https?://|@[a-z0-9_.]+\.[a-z0-9_]"
            r"|curl/|wget|libwww|python|httpclient|^java/|go-http-client|node-fetch|axios|^ruby|^perl|guzzle"),
    ("tv", r"smart-?tv|smarttv|appletv|apple tv|googletv|android tv|hbbtv|web0s|netcast|bravia|aft[a-z]{1,4} build"
           r"|roku|crkey|mitv|mibox|tizen.*\btv\b|\btv;"),
    # An app's own requests, and pages shown inside one.
    ("app", r"okhttp|dalvik/|cfnetwork|alamofire|micromessenger|miniprogram|aliapp|alipayclient|jdapp|jd4iphone"
            r"|pinduoduo|weibo|\bqq/|douyin|aweme|; wv\)|fban/|fbav/|instagram|line/"),
    ("tablet", r"ipad|tablet|kindle|silk/|playbook|matepad|\bpad\b"),
    ("mobile", r"iphone|ipod|mobile|android|windows phone|blackberry|opera mini|harmonyos|openharmony|symbian|ucweb"),
    ("desktop", r"windows nt|macintosh|x11|cros|linux (x86_64|i686)"),
)  # fmt: skip


def device_class(user_agent: Column) -> Column:
    """mobile, tablet, desktop, app, tv, bot, or unknown where there is no agent or none of these.

    An iPad with iPadOS 13 or newer that calls itself a Macintosh is a desktop here: nothing in the text tells.
    """
    agent = F.lower(user_agent)
    found = F.when(agent.isNull(), "unknown")
    # No look-ahead in a pattern: one of the two engines has none.
    no_telephone = agent.contains("android") & ~F.regexp_replace(agent, "(?s)^.*?android", "").contains("mobile")
    for device, pattern in _DEVICES:
        found = found.when(agent.rlike(pattern) | (no_telephone if device == "tablet" else F.lit(False)), device)
    return found.otherwise("unknown")


def devices(seen: DataFrame) -> DataFrame:
    """One row an agent (null too) of `seen`, which has a user_agent: agent, device. Each agent is read once: its
    expressions cost more than a join.
    """
    agents = seen.select("user_agent").distinct()
    return agents.select(F.col("user_agent").alias("agent"), device_class(F.col("user_agent")).alias("device"))


def with_device(frame: DataFrame, known: DataFrame) -> DataFrame:
    """`frame` with the device of its user_agent, one of `known`, rows of `devices`."""
    return frame.join(F.broadcast(known), F.col("user_agent").eqNullSafe(F.col("agent")), "left").drop("agent")
