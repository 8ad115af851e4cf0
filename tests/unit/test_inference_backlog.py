"""What waits for the models, in what batches it goes, and what becomes of a batch whose child died."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from streams.inference.backlog import POISON_DEATHS, Backlog, Batch, Entry

unhurried = settings(deadline=None)  # a busy machine is no finding


def backlog_of(*tokens: int, max_tokens: int = 100, max_entries: int = 8) -> Backlog[int]:
    backlog: Backlog[int] = Backlog(max_tokens=max_tokens, max_entries=max_entries)
    for owner, cost in enumerate(tokens):
        backlog.add(Entry(owner, cost, size_bytes=cost))
    return backlog


def owners(batch: Batch[int] | None) -> list[int] | None:
    return [entry.owner for entry in batch.entries] if batch else None


def test_a_lone_entry_goes_at_once_to_an_idle_child() -> None:
    assert owners(backlog_of(5).next_batch([])) == [0]


def test_another_batch_goes_beside_one_that_computes_up_to_its_limits() -> None:
    backlog = backlog_of(60, 30, 20, *[1] * 9)
    first = backlog.next_batch([])
    assert first
    second = backlog.next_batch([first])
    assert (owners(first), owners(second)) == ([0, 1], [2, *range(3, 10)])


def test_an_entry_larger_than_a_batch_goes_alone() -> None:
    backlog = backlog_of(500, 1)
    assert owners(backlog.next_batch([])) == [0]
    assert owners(backlog.next_batch([])) == [1]


def test_bytes_limit_a_batch_as_tokens_do() -> None:
    backlog: Backlog[int] = Backlog(max_tokens=100, max_entries=8, max_bytes=10)
    for owner in range(3):
        backlog.add(Entry(owner, tokens=1, size_bytes=6))
    assert owners(backlog.next_batch([])) == [0]


def test_an_abandoned_entry_is_skipped() -> None:
    backlog = backlog_of()
    entries = [Entry(owner, 1, 1) for owner in range(3)]
    for entry in entries:
        backlog.add(entry)
    backlog.abandon(entries[1])
    assert owners(backlog.next_batch([])) == [0, 2]
    assert backlog.next_batch([]) is None


def test_an_abandoned_entry_is_not_tried_again_after_a_death() -> None:
    backlog = backlog_of(1, 1)
    batch = backlog.next_batch([])
    assert batch
    backlog.died([batch])
    backlog.abandon(batch.entries[0])
    assert owners(backlog.next_batch([])) == [1]


def test_batches_that_died_together_are_each_tried_again_alone() -> None:
    backlog = backlog_of(100, 100, 100)
    first = backlog.next_batch([])
    assert first
    second = backlog.next_batch([first])
    assert second
    assert backlog.died([first, second]) == []
    assert backlog.next_batch([]) is first
    assert backlog.next_batch([first]) is None
    assert backlog.next_batch([]) is second
    assert backlog.next_batch([second]) is None
    assert owners(backlog.next_batch([])) == [2]


def test_a_batch_is_sent_again_whole_and_then_in_halves_before_anything_newer() -> None:
    backlog = backlog_of(1, 1, 1)
    batch = backlog.next_batch([])
    assert batch
    backlog.add(Entry(3, 1, 1))
    backlog.died([batch])
    again = backlog.next_batch([])
    assert again is batch
    backlog.died([again])
    assert [owners(backlog.next_batch([])) for _ in range(3)] == [[0], [1, 2], [3]]


def test_an_entry_is_poison_when_it_was_alone_at_three_deaths_in_a_row() -> None:
    backlog = backlog_of(1)
    for _ in range(POISON_DEATHS - 1):
        batch = backlog.next_batch([])
        assert batch
        assert backlog.died([batch]) == []
    batch = backlog.next_batch([])
    assert batch
    assert [entry.owner for entry in backlog.died([batch])] == [0]
    assert backlog.next_batch([]) is None


def test_deaths_of_others_in_between_clear_an_entry_of_suspicion() -> None:
    backlog = backlog_of(100, 100)
    first, second = (backlog.next_batch([]) for _ in range(2))
    assert first
    assert second
    for _ in range(POISON_DEATHS):
        assert backlog.died([first]) == []
        assert backlog.died([second]) == []


def test_a_death_beside_another_batch_does_not_count_towards_poison() -> None:
    backlog = backlog_of(100, 100)
    first, second = (backlog.next_batch([]) for _ in range(2))
    assert first
    assert second
    assert backlog.died([first, second]) == []
    for _ in range(POISON_DEATHS - 1):
        assert backlog.died([first]) == []
    assert [entry.owner for entry in backlog.died([first])] == [0]


def test_a_death_of_an_idle_child_is_nobodys_fault() -> None:
    assert backlog_of(1).died([]) == []


@unhurried
@given(
    costs=st.lists(st.integers(1, 60), max_size=60),
    poison=st.sets(st.integers(0, 59), max_size=4),
    chance_deaths=st.sets(st.integers(0, 30), max_size=POISON_DEATHS - 1),
)
def test_every_entry_is_answered_once_and_only_poison_is_given_up(
    costs: list[int], poison: set[int], chance_deaths: set[int]
) -> None:
    """A child that dies of every batch with poison in it, and a few times for no reason."""
    backlog = backlog_of(*costs)
    answered: list[int] = []
    given_up: list[int] = []
    in_child: list[Batch[int]] = []
    for step in range(10_000):
        while len(in_child) < 2 and (batch := backlog.next_batch(in_child)):
            in_child.append(batch)
        if not in_child:
            break
        if step in chance_deaths or any(poison & set(owners(batch) or ()) for batch in in_child):
            given_up += [entry.owner for entry in backlog.died(in_child)]
            in_child.clear()
        else:
            answered += owners(in_child.pop(step % len(in_child))) or ()
    assert sorted(answered + given_up) == list(range(len(costs)))
    assert set(given_up) == poison & set(range(len(costs)))
    assert len(backlog) == 0


@unhurried
@given(st.lists(st.integers(1, 60), max_size=60))
def test_without_deaths_entries_leave_in_the_order_in_which_they_came(costs: list[int]) -> None:
    backlog = backlog_of(*costs)
    order: list[int] = []
    while batch := backlog.next_batch([]):
        assert len(batch.entries) == 1 or sum(entry.tokens for entry in batch.entries) <= 100
        order += owners(batch) or ()
    assert order == list(range(len(costs)))
