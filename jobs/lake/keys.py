"""The shop's secret key, and the hashes that are made with it."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

from pyspark.sql import Column
from pyspark.sql import functions as F

from jobs.errors import UsageError

_BLOCK = 64  # bytes of a SHA-256 block


def key(why: str = "the source declares pii columns to hash") -> bytes:
    """The shop's secret key: HUAXIANG_PII_KEY, or the content of the file HUAXIANG_PII_KEY_FILE. UsageError where
    there is none, or one that can be guessed; `why` it is asked for.
    """
    file = os.environ.get("HUAXIANG_PII_KEY_FILE")
    try:
        found = Path(file).read_bytes().strip() if file else os.environ.get("HUAXIANG_PII_KEY", "").encode()
    except OSError as error:
        raise UsageError(f"expected the key of personal data in {file}, found: {error.strerror}") from None
    if len(found) < 16:
        raise UsageError(
            f"{why}: expected a key of 16 characters or more in HUAXIANG_PII_KEY, or in the file "
            f"HUAXIANG_PII_KEY_FILE; found {len(found)} characters"
        )
    return found


def keyed_hash(value: Column, secret: bytes) -> Column:
    """HMAC-SHA256 of a text (RFC 2104, section 2), as 64 hexadecimal digits; null stays null."""
    padded = (hashlib.sha256(secret).digest() if len(secret) > _BLOCK else secret).ljust(_BLOCK, b"\0")
    inner, outer = (bytes(byte ^ pad for byte in padded) for pad in (0x36, 0x5C))
    digest = F.unhex(F.sha2(F.concat(F.lit(inner), F.encode(value, "UTF-8")), 256))
    return F.sha2(F.concat(F.lit(outer), digest), 256)
