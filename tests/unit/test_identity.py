"""What makes two results the same."""

from __future__ import annotations

from uuid import UUID

from hypothesis import assume, given, settings
from hypothesis import strategies as st

from schemas.identity import digest_of, result_id

PARTS = st.tuples(*[st.text(max_size=12)] * 6)


def _id(parts: tuple[str, ...]) -> str:
    issuer, tenant_id, request_id, model_type, digest, replay_id = parts
    return result_id(
        issuer=issuer,
        tenant_id=tenant_id,
        request_id=request_id,
        model_type=model_type,
        digest=digest,
        replay_id=replay_id,
    )


@settings(deadline=None)
@given(PARTS, PARTS)
def test_different_parts_give_different_ids(first: tuple[str, ...], second: tuple[str, ...]) -> None:
    assume(first != second)
    assert _id(first) != _id(second)


@settings(deadline=None)
@given(PARTS)
def test_the_same_parts_give_the_same_uuid_of_version_5(parts: tuple[str, ...]) -> None:
    assert _id(parts) == _id(parts)
    assert UUID(_id(parts)).version == 5


def test_a_part_moved_into_its_neighbour_is_another_result() -> None:
    assert _id(("a", "bc", "", "", "", "")) != _id(("ab", "c", "", "", "", ""))
    assert _id(('a","b', "", "", "", "", "")) != _id(("a", "b", "", "", "", ""))


def test_a_result_id_never_changes_between_releases() -> None:
    # Consumers keep ids for as long as they keep results.
    assert (
        _id(("crm", "tenant-a", "r-1", "principles", "00" * 32, "")) == "2ab6c51a-e001-56a9-9a17-cec70fd5eef5"
    )


def test_a_replay_is_a_result_of_its_own() -> None:
    assert _id(("i", "t", "r", "m", "d", "")) != _id(("i", "t", "r", "m", "d", "replay-1"))


def test_a_digest_is_lower_case_hex_sha256() -> None:
    assert digest_of(b"abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
