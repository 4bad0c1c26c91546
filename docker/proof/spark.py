"""The probe DAG's Spark application: writes a Delta table and reads it back."""

from __future__ import annotations

import sys

from jobs.lake import session

spark = session.build("prove")
spark.range(1000).write.format("delta").mode("overwrite").save(sys.argv[1])
found = spark.read.format("delta").load(sys.argv[1]).count()
print("rows read back:", found)
sys.exit(0 if found == 1000 else 1)
