"""Health check of a service, without curl: `health.py URL [COMPONENT]`.

Exit 0 where the URL answers 200 and, for a COMPONENT of Airflow's /api/v2/monitor/health (scheduler, triggerer,
dag_processor, metadatabase), where its last heartbeat is fresh.
"""

from __future__ import annotations

import json
import sys
from urllib.request import urlopen


def main(url: str, component: str = "") -> str:
    """What is wrong, or nothing."""
    try:
        with urlopen(url, timeout=8) as response:
            body = response.read()
    except OSError as error:
        return f"{url}: {error}"
    if not component:
        return ""
    status = json.loads(body).get(component, {}).get("status")
    return "" if status == "healthy" else f"{url}: {component} is {status}, expected healthy"


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]) or 0)
