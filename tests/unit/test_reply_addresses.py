"""Which reply addresses exist, without waiting for the answer in a batch."""

from __future__ import annotations

import asyncio

import pytest

from schemas.errors import KafkaUnavailable
from streams.delivery import reply_addresses
from streams.delivery.reply_addresses import KNOWN_MISSING_FOR_S, ReplyAddresses

TOPIC = "veriaidpo.replies.tests"


class Directory:
    """A cluster of topics, and a count of the questions."""

    def __init__(self, topics: dict[str, frozenset[int]], cached: tuple[str, ...] = ()) -> None:
        self.topics = topics
        self.cached = cached
        self.questions = 0
        self.answers = True

    def cached_partitions(self, topic: str) -> frozenset[int] | None:
        return self.topics.get(topic) if topic in self.cached else None

    async def fetch_partitions(self, topic: str) -> frozenset[int] | str:
        self.questions += 1
        await asyncio.sleep(0 if self.answers else 3600)
        return self.topics.get(topic, "the topic doesn't exist")


async def test_cached_address_is_known_without_a_question() -> None:
    directory = Directory({TOPIC: frozenset({0, 1})}, cached=(TOPIC,))
    addresses = ReplyAddresses(directory)
    assert addresses.is_known(TOPIC, 1)
    assert await addresses.check(TOPIC, 1) is None
    assert directory.questions == 0


async def test_address_that_the_cache_does_not_know_is_looked_up() -> None:
    directory = Directory({TOPIC: frozenset({0})})
    addresses = ReplyAddresses(directory)
    assert not addresses.is_known(TOPIC, 0)
    assert await addresses.check(TOPIC, 0) is None
    assert directory.questions == 1


@pytest.mark.parametrize("partition", [-1, 2, 2**31 - 1])
async def test_partition_that_the_topic_does_not_have_is_undeliverable(partition: int) -> None:
    directory = Directory({TOPIC: frozenset({0, 1})}, cached=(TOPIC,))
    addresses = ReplyAddresses(directory)
    assert not addresses.is_known(TOPIC, partition)
    assert await addresses.check(TOPIC, partition) == "the topic has no such partition"


async def test_missing_topic_is_asked_for_once_in_a_while() -> None:
    now_s = 100.0
    directory = Directory({})
    addresses = ReplyAddresses(directory, clock=lambda: now_s)
    for _ in range(5):
        assert await addresses.check(TOPIC, 0) == "the topic doesn't exist"
    assert directory.questions == 1
    now_s += KNOWN_MISSING_FOR_S
    directory.topics = {TOPIC: frozenset({0})}
    assert await addresses.check(TOPIC, 0) is None
    assert directory.questions == 2


async def test_many_who_ask_for_the_same_topic_share_one_question() -> None:
    directory = Directory({TOPIC: frozenset({0})})
    addresses = ReplyAddresses(directory)
    assert await asyncio.gather(*(addresses.check(TOPIC, 0) for _ in range(20))) == [None] * 20
    assert directory.questions == 1


async def test_question_without_an_answer_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reply_addresses, "LOOKUP_TIMEOUT_S", 0.05)
    directory = Directory({TOPIC: frozenset({0})})
    directory.answers = False
    with pytest.raises(KafkaUnavailable):
        await ReplyAddresses(directory).check(TOPIC, 0)
