"""Who refuses what."""

from __future__ import annotations

from datetime import date

from jobs.lake import consents
from jobs.tables import SILVER_USERS

MAIL, PROFILE = {"marketing_consent": "2024-03-02 f"}, {"profiling_consent": "2024-03-03 f"}


def test_the_flag_of_a_purpose_speaks_and_else_that_of_marketing(spark):
    # marketing, profiling, training, stated
    said = {
        "nothing": (None, None, None, {}), "no mail": (False, None, None, MAIL), "mail": (True, None, None, MAIL),
        "no mail but a profile": (False, True, None, MAIL | PROFILE), "no profile": (True, False, None, MAIL | PROFILE),
        "not learned from": (None, None, False, {}),
    }  # fmt: skip
    names = ("user_id", "marketing_consent", "profiling_consent", "training_consent", "stated")
    blank = dict.fromkeys(SILVER_USERS.column_names)
    rows = [tuple((blank | dict(zip(names, (user, *row), strict=True))).values()) for user, row in said.items()]
    users = spark.createDataFrame(rows, SILVER_USERS.ddl)

    def refusing(purpose) -> set[str]:
        return {row["user_id"] for row in consents.refusing(users, purpose).collect()}

    assert refusing("marketing") == {"no mail", "no mail but a profile"}
    assert refusing("profiling") == {"no mail", "no profile"}
    assert refusing("training") == {"no mail", "no mail but a profile", "not learned from"}
    for since, agreed in ((1, {"mail", "no mail but a profile"}), (2, {"no mail but a profile"}), (3, set())):
        spoken = {row[0]: row[1] for row in consents.spoken(users, "profiling", date(2024, 3, since)).collect()}
        assert spoken == {"no mail": False, "no profile": False} | dict.fromkeys(agreed, True)
