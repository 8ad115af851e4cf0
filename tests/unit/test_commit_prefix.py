"""The rule that nothing is lost: a committed offset never passes an unacknowledged record."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, invariant, precondition, rule

from streams.delivery.prefix import CommitPrefix


def test_nothing_is_committed_before_the_first_acknowledgement() -> None:
    prefix = delivered(3, 4)
    assert prefix.position is None
    assert prefix.unacknowledged == 2


def test_offset_is_not_committed_past_an_unacknowledged_record() -> None:
    prefix = delivered(10, 11, 12)
    prefix.acknowledge(11)
    prefix.acknowledge(12)
    assert prefix.position is None
    prefix.acknowledge(10)
    assert prefix.position == 13


def test_gaps_between_offsets_hold_nothing_up() -> None:
    prefix = delivered(5, 9, 20)  # transaction markers, aborted records or compaction in between
    for offset in (5, 9, 20):
        prefix.acknowledge(offset)
    assert prefix.position == 21


def test_record_that_nobody_delivered_cannot_be_acknowledged() -> None:
    prefix = delivered(5, 9)
    assert not prefix.acknowledge(7)
    assert not prefix.acknowledge(100)
    assert prefix.position is None
    assert prefix.unacknowledged == 2


def test_second_acknowledgement_changes_nothing() -> None:
    prefix = delivered(1, 2)
    assert prefix.acknowledge(2)
    assert not prefix.acknowledge(2)
    assert prefix.acknowledge(1)
    assert not prefix.acknowledge(1)
    assert prefix.position == 3


def test_record_delivered_again_after_a_seek_is_still_one_record() -> None:
    prefix = delivered(1, 2, 3)
    prefix.acknowledge(1)
    for offset in (1, 2, 3):
        prefix.deliver(offset)
    assert prefix.unacknowledged == 2
    prefix.acknowledge(2)
    prefix.acknowledge(3)
    assert prefix.position == 4


def test_acknowledgement_after_revocation_counts_for_nothing() -> None:
    prefix = delivered(1, 2)
    prefix.acknowledge(1)
    prefix.close()
    assert not prefix.acknowledge(2)
    prefix.deliver(3)
    assert prefix.position == 2
    assert prefix.unacknowledged == 0


@given(st.sets(st.integers(0, 10**6), min_size=1, max_size=100).flatmap(lambda s: st.permutations(sorted(s))))
def test_any_order_of_acknowledgements_ends_one_past_the_last_record(offsets: list[int]) -> None:
    prefix = delivered(*sorted(offsets))
    for offset in offsets:
        prefix.acknowledge(offset)
    assert prefix.position == max(offsets) + 1
    assert prefix.unacknowledged == 0


def delivered(*offsets: int) -> CommitPrefix:
    prefix = CommitPrefix()
    for offset in offsets:
        prefix.deliver(offset)
    return prefix


class Partition(RuleBasedStateMachine):
    """A partition, its broker-side committed offset, and workers that come, go and die.

    `done` is the truth: the offsets whose outputs are durable. What the broker has committed must never
    pass a record that isn't among them, whatever the order of events: a restart would skip it.
    """

    records = Bundle("records")

    def __init__(self) -> None:
        super().__init__()
        self.log: list[int] = []  # the partition's records; markers and aborted records leave gaps
        self.next_offset = 0
        self.committed = 0  # on the broker
        self.done: set[int] = set()
        self.prefix = CommitPrefix()
        self.read_to = 0  # the consumer's position

    @rule(gap=st.integers(0, 3), count=st.integers(1, 5))
    def publish(self, gap: int, count: int) -> None:
        self.next_offset += gap
        self.log.extend(range(self.next_offset, self.next_offset + count))
        self.next_offset += count

    @rule(target=records)
    def deliver(self) -> tuple[CommitPrefix, int]:
        offset = next((offset for offset in self.log if offset >= self.read_to), None)
        if offset is None:
            return self.prefix, -1
        self.read_to = offset + 1
        self.prefix.deliver(offset)
        return self.prefix, offset

    @rule(record=consumes(records))
    def acknowledge(self, record: tuple[CommitPrefix, int]) -> None:
        # Also of records whose partition was revoked meanwhile: their outputs are durable all the same.
        prefix, offset = record
        if offset >= 0:
            self.done.add(offset)
            prefix.acknowledge(offset)

    @rule(record=consumes(records))
    def drop(self, record: tuple[CommitPrefix, int]) -> None:
        """Somebody lost the record on its way; its offset stays pinned."""

    @rule()
    def commit(self) -> None:
        if (position := self.prefix.position) is not None:
            self.committed = max(self.committed, position)

    @rule(seek_back=st.integers(0, 5))
    def redeliver(self, seek_back: int) -> None:
        """The consumer seeks back within the same assignment, as Faust does in a rebalance."""
        self.read_to = max(self.committed, self.read_to - seek_back)

    @rule(commits_first=st.booleans())
    def revoke_and_assign_again(self, commits_first: bool) -> None:
        if commits_first:
            self.commit()
        self.prefix.close()
        self.restart()

    @rule()
    @precondition(lambda self: self.log)
    def restart(self) -> None:
        """kill -9: what isn't committed is read again."""
        self.prefix = CommitPrefix()
        self.read_to = self.committed

    @invariant()
    def nothing_unfinished_is_behind_the_committed_offset(self) -> None:
        assert all(offset in self.done for offset in self.log if offset < self.committed)

    @invariant()
    def every_unfinished_record_can_still_be_delivered(self) -> None:
        assert self.committed <= self.next_offset


Partition.TestCase.settings = settings(max_examples=150, stateful_step_count=50, deadline=None)
TestPartition = Partition.TestCase
