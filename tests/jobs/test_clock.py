"""clock: days and hours by arithmetic are those of the calendar, before 1970 too."""

from __future__ import annotations

import pytest
from pyspark.sql import functions as F

from jobs import clock


@pytest.mark.engines
@pytest.mark.spark_alone  # Sail has no calendar before 1677
def test_days_and_hours_are_those_that_spark_tells_by_the_calendar(spark):
    times = ["1969-12-31 23:59:59.999999", "1970-01-01 00:00:00", "1582-10-04 03:59:59.5", "2024-02-29 04:00:00",
             "2024-03-01 03:59:59.999999", "2100-12-31 23:00:00.000001", None]  # fmt: skip
    frame = spark.createDataFrame([(time,) for time in times], "text string")
    time, four_hours = F.to_timestamp("text"), F.make_dt_interval(hours=F.lit(4))
    ours = [clock.day(time), clock.day(time, 4), clock.hour(time), clock.midnight(F.to_date(time))]
    theirs = [F.to_date(time), F.to_date(time - four_hours), F.hour(time), F.date_trunc("day", time)]
    found = frame.select(F.struct(*ours).alias("ours"), F.struct(*theirs).alias("theirs"))
    assert found.schema["ours"].dataType.simpleString().count("date") == 2
    for row in found.collect():
        assert tuple(row["ours"]) == tuple(row["theirs"])
    assert str(found.where("theirs.col3 = 4").first()["ours"][1]) == "2024-02-29"
