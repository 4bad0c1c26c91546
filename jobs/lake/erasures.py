"""ops.erasures, and what the hops ask of it: who is suppressed, and who left by an erasure.

No id is kept: a user is known by `subject`, the HMAC-SHA256 of his id under the shop's key (jobs/lake/keys.py).
"""

from __future__ import annotations

import hmac
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from jobs.errors import UsageError
from jobs.lake import delta, keys
from jobs.settings import Settings
from jobs.tables import ERASURES

# Before the id, so that a subject is never what `pii: hash` makes of the same text in another source.
_APART = "erased "
_WORDS = (r"[^A-Za-z0-9_]+", r"[^A-Za-z0-9_.@+-]+")  # what may stand between the words of a text that is no record


def subject(user_id: str, secret: bytes) -> str:
    """What stands for an erased user's id."""
    return hmac.new(secret, (_APART + user_id).encode(), "sha256").hexdigest()


def key_check(secret: bytes) -> str:
    """Tells one key from another, and nothing of either."""
    return hmac.new(secret, b"check", "sha256").hexdigest()[:16]


@dataclass(frozen=True, slots=True)
class Suppressed:
    """The subjects of everybody who was erased, or whose erasure was begun."""

    subjects: tuple[str, ...]
    secret: bytes

    def holds(self, user: Column) -> Column:
        """True where the user is one of them; a null is nobody."""
        found = keys.keyed_hash(F.concat(F.lit(_APART), user), self.secret)
        return F.coalesce(found.isin(list(self.subjects)), F.lit(False))

    def named_in(self, text: Column, user: Callable[[Column], Column]) -> Column:
        """True where a word of the text is the id of one of them: for a text of which nobody knows what it says.

        user: the key of an id of the text's source.
        """
        words = F.concat(*[F.split(text, between) for between in _WORDS])
        return F.coalesce(F.exists(words, lambda word: self.holds(user(word))), F.lit(False))


def suppressed(s: Settings) -> Suppressed | None:
    """None where nobody was ever erased, so that a night has nothing to ask. UsageError without the key by which they
    are known: loading them again would go unseen.
    """
    rows = delta.rows(s.warehouse, ERASURES, "true", "subject, key_check")
    if not rows:
        return None
    secret = keys.key(f"{len(rows):,} users were erased and must stay left out")
    if {row["key_check"] for row in rows} != {key_check(secret)}:
        raise UsageError(
            f"expected the key by which {len(rows):,} users were erased (check value {rows[0]['key_check']}), found "
            f"one with {key_check(secret)}: they would be loaded again; give HUAXIANG_PII_KEY its former value"
        )
    return Suppressed(tuple(sorted(row["subject"] for row in rows)), secret)


def leavers(s: Settings, night: date | None) -> list[dict]:
    """Rows of ops.erasures of those who were in the published `night` and were erased after it."""
    return delta.rows(s.warehouse, ERASURES, f"night = '{night}'", "subject, segment_id, audiences") if night else []


def with_segments(members: DataFrame, gone: Sequence[dict]) -> DataFrame:
    """`members` of a night (user_id, segment_id and more) and, by their subjects, the `gone`, who are not in it any
    more.
    """
    rows = [(row["subject"], row["segment_id"]) for row in gone if row["segment_id"] is not None]
    if not rows:
        return members
    own = members.sparkSession.createDataFrame(rows, "user_id string, segment_id int")
    return members.unionByName(own, allowMissingColumns=True)


def with_audiences(members: DataFrame, gone: Sequence[dict]) -> DataFrame:
    """The same of members of audiences: audience_id, user_id and more."""
    rows = [(one, row["subject"]) for row in gone for one in row["audiences"] or ()]
    if not rows:
        return members
    own = members.sparkSession.createDataFrame(rows, "audience_id string, user_id string")
    return members.unionByName(own, allowMissingColumns=True)


def cause_of_exit(gone: Sequence[dict]) -> Column:
    """Who is there no more was erased, or a delivery took all his records back."""
    late, subjects = F.lit("late data"), [row["subject"] for row in gone]
    return F.when(F.col("user_id").isin(subjects), "erasure").otherwise(late) if subjects else late
