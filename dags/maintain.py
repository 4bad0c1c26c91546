"""### Few large files, and no more than the last weeks of versions 每周维护

Weekly, between two nights, and by hand: `maintain` puts the small files of many nights together and deletes what no
version of the last *keep days* needs. No row changes, and readers notice nothing. Nights of those days can still be
replayed from the versions that their row of `ops.runs` names; older ones by running them again.
"""

from __future__ import annotations

from airflow.sdk import DAG, Param
from dags._house import DEFAULTS, deadline, every, verb

with DAG(
    "huaxiang_maintain",
    schedule=every("0 12 * * 0", days=7),
    catchup=False,
    max_active_runs=1,
    deadline=deadline(6),
    default_args=DEFAULTS,
    doc_md=__doc__,
    tags=["huaxiang", "maintenance"],
    params={
        "keep_days": Param(
            30,
            type="integer",
            minimum=1,
            maximum=30,
            title="Keep days 保留天数",
            description="Of versions that can be read again.",
        ),
    },
) as maintain:
    verb("maintain", "maintain", "--keep-days", "{{ params.keep_days }}", nightly=False)
