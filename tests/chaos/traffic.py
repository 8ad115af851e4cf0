"""What is published: real sentences for all eleven model types, and some records spoilt in every way."""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from cli.demonstration.spoiling import CLASSIFY, SPOILT_WAYS, spoil
from connectors.publishing.publisher import Publisher
from schemas.claims.mint import SigningKey
from schemas.events import ClassificationRequest
from schemas.headers import AUTHORIZATION
from schemas.reply import ReplyAddress
from schemas.taxonomy import MODEL_TYPES
from schemas.topics import request_topic
from tests.chaos.ledger import Wire
from tests.chaos.plan import Plan

TENANT = "chaos"
SOURCE = "chaos"
CLIENT = "chaos"
"""Whose reply topic the replies go to."""

REPLY_PARTITIONS = 4


@dataclass(frozen=True)
class Traffic:
    """One record to publish; `way` names how a malformed one is spoilt."""

    request: ClassificationRequest
    way: str | None = None
    reply: ReplyAddress | None = None


def traffic_of(plan: Plan, texts: Sequence[str], reply_topic: str) -> list[Traffic]:
    """The plan's records in the order in which they go out; every way to spoil one has its turn."""
    chance = random.Random(plan.seed)
    spoilt = set(chance.sample(range(plan.records), round(plan.records * plan.malformed_share)))
    ways = itertools.cycle(WAYS)
    model_types = tuple(MODEL_TYPES)
    found: list[Traffic] = []
    for number in range(plan.records):
        request = ClassificationRequest(
            request_id=f"chaos-{plan.seed}-{number:06d}",
            tenant_id=TENANT,
            model_type=chance.choice(model_types),
            language="vi",
            text=chance.choice(texts),
        )
        if number in spoilt:
            found.append(Traffic(request, way=next(ways)))
        elif chance.random() < plan.reply_share:
            correlation_id = f"reply-to-{request.request_id}".encode()
            partition = chance.randrange(REPLY_PARTITIONS)
            found.append(Traffic(request, reply=ReplyAddress(reply_topic, partition, correlation_id)))
        else:
            found.append(Traffic(request))
    return found


def malformed(item: Traffic, key: SigningKey) -> Wire:
    """The record of a malformed item, as it goes on the wire."""
    assert item.way is not None
    if item.way in SPOILT_WAYS:
        topic = request_topic(item.request.model_type)
        record = spoil(item.way, item.request, key=key, topic=topic)
        return Wire(record.topic, record.key, record.value, tuple(record.headers))
    return _RAW_WAYS[item.way](_signed(item.request, key))


def _signed(request: ClassificationRequest, key: SigningKey) -> Wire:
    publisher = Publisher("unused:0", key, source=SOURCE)
    record = publisher.sign(request, subject=SOURCE, role="service", permissions=CLASSIFY)
    return Wire(record.topic, record.key, record.value, tuple(record.headers))


def _noise(good: Wire) -> bytes:
    return random.Random(good.key).randbytes(200)


# What no client library of ours can be made to send; the raw bytes go to the topic all the same.
_RAW_WAYS: Mapping[str, Callable[[Wire], Wire]] = {
    "noise_without_headers": lambda good: replace(good, value=_noise(good), headers=()),
    "noise_without_a_key": lambda good: replace(good, key=None, value=_noise(good), headers=()),
    "no_value": lambda good: replace(good, value=None),
    "no_key": lambda good: replace(good, key=None),
    "binary_key": lambda good: replace(good, key=b"\xff\x00\xfe" + (good.key or b"")),
    "authorization_twice": lambda good: replace(
        good, headers=(*good.headers, (AUTHORIZATION, b"Bearer of somebody else"))
    ),
    "authorization_without_value": lambda good: replace(
        good, headers=tuple((name, None if name == AUTHORIZATION else one) for name, one in good.headers)
    ),
    "binary_authorization": lambda good: replace(
        good,
        headers=tuple((name, b"\xff\xfe" if name == AUTHORIZATION else one) for name, one in good.headers),
    ),
}
WAYS = (*SPOILT_WAYS, *_RAW_WAYS)
