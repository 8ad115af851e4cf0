"""Reply addresses at a real worker: only a signed one counts, and one that doesn't exist holds nobody up."""

from __future__ import annotations

import pytest

from schemas.headers import DLT_EXCEPTION_MESSAGE
from schemas.topics import RESULTS
from tests.support.bad_input_barrage import CASES, WAVES, Barrage
from tests.support.bad_input_claims import ADDRESSES, COPIES
from tests.support.bad_input_records import OTHER_REPLIES, REPLIES

pytestmark = [pytest.mark.kafka, pytest.mark.timed]

UNDELIVERABLE = {
    "a reply topic that doesn't exist": b"the topic doesn't exist",
    "reply partition -1": b"no such partition",
    "reply partition 2^31-1": b"no such partition",
}


@pytest.mark.parametrize("name", COPIES)
def test_copied_record_answers_whoever_signed_it_and_not_the_copyist(barrage: Barrage, name: str) -> None:
    for outcome in barrage.outcomes[name]:
        (reply,) = outcome.replies
        assert reply.address == outcome.signed
        assert [reply] == barrage.replies[reply.address.correlation_id]  # and nobody else has got one


def test_no_reply_goes_to_an_address_that_nobody_signed(barrage: Barrage) -> None:
    addresses = {reply.address for replies in barrage.replies.values() for reply in replies}
    assert not {address for address in addresses if address.topic == OTHER_REPLIES}
    assert not {address for address in addresses if address.partition == 3}
    assert b"the thief's" not in barrage.replies


@pytest.mark.parametrize(("name", "reason"), UNDELIVERABLE.items())
def test_address_that_does_not_exist_gives_the_result_and_a_dead_letter_that_says_so(
    barrage: Barrage, name: str, reason: bytes
) -> None:
    for outcome in barrage.outcomes[name]:
        (letter,), (result,) = outcome.letters, outcome.results
        assert letter.key == result.request_id.encode() == outcome.sent.key
        assert reason in dict(letter.headers)[DLT_EXCEPTION_MESSAGE]


def test_every_reply_address_that_may_not_be_one_is_among_those_tried() -> None:
    assert {*UNDELIVERABLE} == {name for name in ADDRESSES if CASES[name].result}


def test_topic_outside_the_prefix_is_never_written_to_whatever_its_issuer_may(barrage: Barrage) -> None:
    outcomes = barrage.outcomes["a reply topic of ours that is none"]
    assert [outcome.signed.topic for outcome in outcomes if outcome.signed] == [RESULTS] * WAVES
    assert not [result for outcome in outcomes for result in outcome.results]
    assert {reply.address.topic for replies in barrage.replies.values() for reply in replies} == {REPLIES}
