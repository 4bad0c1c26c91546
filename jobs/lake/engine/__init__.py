"""The one door to the engine that runs the transforms: Sail on one machine, Apache Spark on many.

Both speak PySpark. `HUAXIANG_ENGINE` (sail or spark) chooses; what differs between them stands in this folder:
`sail` and `spark` start a session, `frames` keeps what is read more than once, `columns` has the expressions that the
two would answer differently.
"""

from __future__ import annotations

import os

from jobs.errors import UsageError

ENGINES = ("sail", "spark")
DEFAULT = "sail"


def name() -> str:
    """The engine that HUAXIANG_ENGINE names, Sail by default; UsageError where it names none.

    What spark-submit started is Apache Spark, whatever the variable says.
    """
    if "PYSPARK_GATEWAY_PORT" in os.environ:
        return "spark"
    chosen = os.environ.get("HUAXIANG_ENGINE") or DEFAULT
    if chosen not in ENGINES:
        raise UsageError(f"expected HUAXIANG_ENGINE to be {' or '.join(ENGINES)}, found {chosen!r}")
    return chosen


def is_sail() -> bool:
    return name() == "sail"
