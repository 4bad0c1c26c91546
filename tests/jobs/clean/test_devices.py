"""User agents become devices."""

from __future__ import annotations

from jobs.clean import devices

AGENTS = {
    "Mozilla/5.0 (iPhone; CPU iPhone OS 17_0 like Mac OS X) AppleWebKit/605.1.15 Version/17.0 Mobile/15E148": "mobile",
    "Mozilla/5.0 (Linux; Android 13; SM-G991B) AppleWebKit/537.36 Chrome/112.0.0.0 Mobile Safari/537.36": "mobile",
    "Mozilla/5.0 (Linux; Android 11; CUBOT X30) AppleWebKit/537.36 Chrome/99.0 Mobile Safari/537.36": "mobile",
    "Mozilla/5.0 (Linux; Android 8.0.0; CUBOT_P20) AppleWebKit/537.36 Chrome/70.0 Mobile Safari/537.36": "mobile",
    "Mozilla/5.0 (Linux; U; Android 5.1; en-us; CUBOT_NOTE_S Build/LMY47I) Chrome/59.0 Mobile Safari/537.36": "mobile",
    "Mozilla/5.0 (Linux; Android 7.0; M bot 60 Build/NRD90M) Chrome/67.0.3396.87 Mobile Safari/537.36": "mobile",
    "Mozilla/5.0 (Linux; Android 7.0; M bot 60 Build/NRD90M; wv) Chrome/67.0.3396.87 Mobile Safari/537.36": "app",
    "Mozilla/5.0 (Linux; Android 9; Monitor Feed 5) AppleWebKit/537.36 Chrome/99.0 Mobile Safari/537.36": "mobile",
    "Mozilla/5.0 (Linux; Android 6.0.1; Nexus 5X Build/MMB29P) Mobile Safari/537.36 (compatible; Googlebot/2.1)": "bot",
    "Mozilla/5.0 (Linux; Android 7.0;) Mobile Safari/537.36 (compatible; PetalBot;+https://petalsearch.com)": "bot",
    "Mozilla/5.0 (Linux; Android 5.0; shopbot/1.0) Mobile": "bot",
    "shop_bot_2": "bot",
    "Mozilla/5.0 (Phone; OpenHarmony 4.1) AppleWebKit/537.36 Chrome/114.0 Safari/537.36 ArkWeb/4.1 Mobile": "mobile",
    "Mozilla/5.0 (Linux; Android 12; SM-X700) AppleWebKit/537.36 Chrome/112.0.0.0 Safari/537.36": "tablet",
    "Mozilla/5.0 (iPad; CPU OS 12_2 like Mac OS X) AppleWebKit/605.1.15 Version/12.1 Mobile/15E148": "tablet",
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 Chrome/120.0.0.0 Safari/537.36": "desktop",
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 Version/17.1 Safari/605.1.15": "desktop",
    "Mozilla/5.0 (X11; Ubuntu; Linux x86_64; rv:109.0) Gecko/20100101 Firefox/119.0": "desktop",
    "Mozilla/5.0 (SMART-TV; LINUX; Tizen 6.0) AppleWebKit/537.36 Version/6.0 TV Safari/537.36": "tv",
    "Mozilla/5.0 (Linux; Android 9; AFTMM Build/PS7) AppleWebKit/537.36 Chrome/70 Mobile Safari/537.36": "tv",
    "Mozilla/5.0 (Linux; Android 13; V2218A; wv) AppleWebKit/537.36 Mobile Safari/537.36 MicroMessenger/8.0.42": "app",
    "Mozilla/5.0 (iPhone; CPU iPhone OS 16_0 like Mac OS X) AliApp(TB/10.20.10) Mobile": "app",
    "Shop/5.2 CFNetwork/1485 Darwin/23.1.0": "app",
    "okhttp/4.9.3": "app",
    "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)": "bot",
    "Mozilla/5.0 (compatible; Baiduspider/2.0; +http://www.baidu.com/search/spider.html)": "bot",
    "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 HeadlessChrome/119.0 Safari/537.36": "bot",
    "python-requests/2.31.0": "bot",
    "curl/8.4.0": "bot",
    "-": "unknown",
    "": "unknown",
    None: "unknown",
}  # fmt: skip


def test_agents(spark):
    agents = [(agent, k) for agent in AGENTS for k in range(2)]
    seen = spark.createDataFrame(agents, "user_agent string, k int")
    rows = devices.with_device(seen, devices.by_agent(seen)).collect()
    assert {row["user_agent"]: row["device"] for row in rows} == AGENTS
    assert len(rows) == len(agents)
