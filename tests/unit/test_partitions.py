"""The way from a key to its partition."""

from __future__ import annotations

from aiokafka.partitioner import DefaultPartitioner
from aiokafka.partitioner import murmur2 as byte_by_byte
from hypothesis import given
from hypothesis import strategies as st

from streams.delivery.partitions import murmur2, partition_of


@given(st.binary(max_size=80))
def test_the_hash_of_a_key_is_kafkas(key: bytes) -> None:
    assert murmur2(key) == byte_by_byte(key)


@given(st.binary(min_size=1, max_size=80), st.integers(min_value=1, max_value=64))
def test_a_key_goes_where_other_clients_put_it(key: bytes, count: int) -> None:
    partitions = list(range(count))
    assert partition_of(key, partitions) == DefaultPartitioner()(key, partitions, partitions)
