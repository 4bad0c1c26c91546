"""User agents -> devices, by regular expressions over each agent once."""

from __future__ import annotations

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

# In the order in which they are asked; the first that is found says what the agent is. Lower case.
_DEVICES = (
    # What calls itself a crawler, or is a tool that no shop's customer reads pages with. CUBOT is a make of telephones.
    ("bot", r"(?:^|[^u]|(?:^|[^c])u)bot(?:\b|_)|robot|crawl|spider|slurp|scrap[ey]|archiver|fetcher|validator"
            r"|checker|indexer|monitor|(link ?|uri|bing)preview|google-|whatsapp|feed|lighthouse|mediapartners"
            r"|facebookexternalhit|headless|phantomjs|puppeteer|playwright|selenium|https?://|@[a-z0-9_.]+\.[a-z0-9_]"
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
# The name of a telephone, which may be any word (M bot 60): what stands behind Android's version, and a language.
_MODEL = r"(android[ /]?[0-9.]*; ?(?:[a-z]{2}[-_][a-z]{2}; ?)?)[^;)/]*( build/|[;)])"


def device_class(user_agent: Column) -> Column:
    """mobile, tablet, desktop, app, tv, bot, or unknown where there is no agent or none of these.

    An iPad with iPadOS 13 or newer that calls itself a Macintosh is a desktop here: nothing in the text tells.
    """
    # Signs of ASCII alone: what a letter is beyond it, each engine knows for itself.
    agent = F.regexp_replace(F.lower(user_agent), "[^ -~]", "?")
    device = F.when(agent.isNull(), "unknown")
    # In words where a look-ahead would do: one of the two engines has none.
    without_model = F.regexp_replace(agent, _MODEL, "$1$2")
    no_telephone = agent.contains("android") & ~F.regexp_replace(agent, "(?s)^.*android", "").contains("mobile")
    for name, pattern in _DEVICES:
        found = (without_model if name == "bot" else agent).rlike(pattern)
        device = device.when(found | no_telephone if name == "tablet" else found, name)
    return device.otherwise("unknown")


def by_agent(seen: DataFrame) -> DataFrame:
    """One row an agent (null too) of `seen`, which has a user_agent: agent, device. Each agent is read once: its
    expressions cost more than a join.
    """
    agents = seen.select("user_agent").distinct()
    return agents.select(F.col("user_agent").alias("agent"), device_class(F.col("user_agent")).alias("device"))


def with_device(frame: DataFrame, devices: DataFrame) -> DataFrame:
    """`frame` with the device of its user_agent, one of `devices`, rows of `by_agent`."""
    return frame.join(F.broadcast(devices), F.col("user_agent").eqNullSafe(F.col("agent")), "left").drop("agent")
