"""How texts share a pass through the encoder."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streams.inference.packing import estimated_tokens, padding_share, passes

unhurried = settings(deadline=None)  # a busy machine is no finding

LENGTHS = st.lists(st.integers(1, 512), max_size=80)
CAPS = st.integers(1, 2048)
THREADS = st.integers(1, 4)


@unhurried
@given(LENGTHS, CAPS, THREADS)
def test_every_text_is_in_exactly_one_pass(lengths: list[int], cap: int, threads: int) -> None:
    rows = [row for rows in passes(lengths, cap, threads) for row in rows]
    assert sorted(rows) == list(range(len(lengths)))


@unhurried
@given(LENGTHS, CAPS, THREADS)
def test_only_a_text_alone_exceeds_the_cap(lengths: list[int], cap: int, threads: int) -> None:
    for rows in passes(lengths, cap, threads):
        assert rows
        assert len(rows) == 1 or len(rows) * max(lengths[row] for row in rows) <= cap


@unhurried
@given(LENGTHS, THREADS)
def test_texts_of_like_length_ride_together(lengths: list[int], threads: int) -> None:
    order = [lengths[row] for rows in passes(lengths, 256, threads) for row in rows]
    assert order == sorted(order, reverse=True)


@pytest.mark.parametrize(
    ("texts", "expected"), [(1, [1]), (2, [1, 1]), (4, [2, 2]), (10, [5, 5]), (20, [5, 5, 5, 5])]
)
def test_passes_keep_both_threads_busy(texts: int, expected: list[int]) -> None:
    assert [len(rows) for rows in passes([32] * texts, 256, threads=2)] == expected


@unhurried
@given(st.lists(st.integers(10, 60), min_size=100, max_size=128))
def test_threads_share_a_batch_evenly(lengths: list[int]) -> None:
    cut = passes(lengths, 256, threads=2)
    costs = [len(rows) * max(lengths[row] for row in rows) for rows in cut]
    assert abs(sum(costs[::2]) - sum(costs[1::2])) <= 0.15 * sum(costs)


@unhurried
@given(st.lists(st.integers(1, 512), min_size=1, max_size=80))
def test_padding_is_the_share_of_tokens_that_no_text_has(lengths: list[int]) -> None:
    share = padding_share(lengths)
    assert 0 <= share < 1
    assert abs(share * len(lengths) * max(lengths) - (len(lengths) * max(lengths) - sum(lengths))) < 1e-6


def test_a_pass_of_equal_lengths_has_no_padding() -> None:
    assert padding_share([7, 7, 7]) == 0


@unhurried
@given(st.text(max_size=3000), st.integers(8, 512))
def test_an_estimate_grows_with_the_text_up_to_what_the_model_reads(text: str, max_tokens: int) -> None:
    assert 1 <= estimated_tokens(text, max_tokens) <= max_tokens
    assert estimated_tokens(text, max_tokens) <= estimated_tokens(text + "x", max_tokens)
