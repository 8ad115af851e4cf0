"""Where a reply goes: topic, partition and correlation id, as the publisher signed them."""

from __future__ import annotations

import re
from typing import TypedDict

import msgspec

from . import base64url
from .limits import MAX_CORRELATION_ID_BYTES

MAX_PARTITION = 2**31 - 1
_TOPIC = re.compile(r"[A-Za-z0-9._-]{1,249}")


class ReplyAddress(msgspec.Struct, frozen=True):
    """`correlation_id` is the client's own bytes, echoed as they came."""

    topic: str
    partition: int
    correlation_id: bytes


class ReplyClaim(TypedDict):
    """The address inside a token; `correlation_id` is base64url without padding."""

    topic: str
    partition: int
    correlation_id: str


def reply_claim(reply: ReplyAddress) -> ReplyClaim:
    encoded = base64url.encode(reply.correlation_id).decode("ascii")
    return {"topic": reply.topic, "partition": reply.partition, "correlation_id": encoded}


def reply_of_claim(claim: ReplyClaim) -> ReplyAddress:
    """The address that was signed; ValueError where it can't be one."""
    topic, partition, encoded = claim["topic"], claim["partition"], claim["correlation_id"]
    if not -MAX_PARTITION - 1 <= partition <= MAX_PARTITION:
        raise ValueError("reply partition isn't a 32-bit number")
    if not _TOPIC.fullmatch(topic):
        raise ValueError("reply topic isn't a topic's name")
    correlation_id = base64url.decode(encoded.encode("ascii"))  # UnicodeEncodeError is a ValueError
    if not 0 < len(correlation_id) <= MAX_CORRELATION_ID_BYTES:
        raise ValueError("correlation id empty or too long")
    return ReplyAddress(topic, partition, correlation_id)
