"""A signed request, tried again where the other side may do better the next time.

Headers and signature are those of Standard Webhooks (www.standardwebhooks.com), which receivers have libraries for.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import time
from http import HTTPStatus

import httpx
from tenacity import RetryCallState, Retrying, retry_if_exception_type, stop_after_attempt, wait_exponential_jitter

from jobs.audiences.delivery.destinations import Destination
from jobs.errors import UnavailableError, UsageError

LONGEST_PAUSE = 60  # seconds
_WORTH_A_TRY = {HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_EARLY, HTTPStatus.TOO_MANY_REQUESTS}


class _TryAgainError(Exception):
    """Found: a text for people. pause: seconds that the other side asked for."""

    def __init__(self, found: str, pause: float = 0.0):
        super().__init__(found)
        self.pause = pause


def signature(secret: bytes, key: str, moment: int, body: bytes) -> str:
    """Of the request `key` (its webhook-id), sent at a moment (seconds since 1970)."""
    digest = hmac.new(secret, f"{key}.{moment}.".encode() + body, hashlib.sha256).digest()
    return f"v1,{base64.b64encode(digest).decode()}"


class Poster:
    """Posts to one destination."""

    def __init__(self, destination: Destination):
        self.destination, self.secret = destination, destination.secret
        self.client = httpx.Client(timeout=destination.seconds, headers=destination.headers)

    def __enter__(self) -> Poster:
        return self

    def __exit__(self, *_: object) -> None:
        self.client.close()

    def post(self, key: str, body: bytes, what: str) -> None:
        """Returns once it was taken (2xx). `key` is the same whenever the same is sent, so that it can be known again.

        UnavailableError where it was not in all tries; UsageError where it was refused (any other answer). `what` names
        the request for people.
        """
        pauses = wait_exponential_jitter(self.destination.pause, LONGEST_PAUSE, jitter=self.destination.pause)

        def pause(state: RetryCallState) -> float:
            asked = getattr(state.outcome.exception(), "pause", 0.0)
            return max(pauses(state), min(asked, LONGEST_PAUSE))

        tries = Retrying(
            stop=stop_after_attempt(self.destination.tries), wait=pause,
            retry=retry_if_exception_type(_TryAgainError), reraise=True,
        )  # fmt: skip
        try:
            tries(self._once, key, body, what)
        except _TryAgainError as error:
            raise UnavailableError(
                f"expected {what} to be taken, found {error} in {self.destination.tries} tries; run deliver again: it "
                "goes on from there"
            ) from None

    def _once(self, key: str, body: bytes, what: str) -> None:
        now = int(time.time())  # of the signature alone, so that an old request cannot be sent again by others
        headers = {
            "Content-Type": "application/json", "Idempotency-Key": key, "webhook-id": key,
            "webhook-timestamp": str(now), "webhook-signature": signature(self.secret, key, now, body),
        }  # fmt: skip
        try:
            # The answer's body is not read: it may be endless, and repeat ids that do not belong into a log.
            with self.client.stream("POST", self.destination.url, content=body, headers=headers) as answer:
                status, asked = answer.status_code, answer.headers.get("Retry-After", "")
        except httpx.TransportError as error:
            raise _TryAgainError(f"no answer ({type(error).__name__})") from None
        if HTTPStatus.OK <= status < HTTPStatus.MULTIPLE_CHOICES:
            return
        if status >= HTTPStatus.INTERNAL_SERVER_ERROR or status in _WORTH_A_TRY:
            raise _TryAgainError(f"HTTP {status}", float(asked) if asked.isdigit() else 0.0)
        raise UsageError(
            f"expected {what} to be taken, found HTTP {status}, which is not tried again: mend the receiver or "
            "conf/destinations.yaml, then run deliver again; it goes on from there"
        )
