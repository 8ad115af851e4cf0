"""Callers' tokens: who is let in at the bridge."""

from __future__ import annotations

import json
from typing import Any

import jwt
import pytest

from schemas.claims import Caller, mint_bearer, verify_bearer
from schemas.errors import ConfigurationError, Unauthenticated
from tests.support.claims import NOW_S, SECRET_A, SECRET_B, token

CLAIMS: dict[str, Any] = {
    "sub": "u",
    "role": "dpo",
    "tenant_id": "t",
    "permissions": ["p"],
    "exp": NOW_S + 60,
}


def test_a_minted_token_names_its_caller() -> None:
    minted = mint_bearer(
        secret=SECRET_A, subject="u", role="dpo", tenant_id="t", permissions=["p"], now_s=NOW_S
    )
    assert verify_bearer(minted, secret=SECRET_A, now_s=NOW_S) == Caller("u", "dpo", "t", ("p",))


def test_an_event_token_is_refused_as_bearer_even_under_the_same_key() -> None:
    with pytest.raises(Unauthenticated, match="isn't for callers"):
        verify_bearer(token(b"value"), secret=SECRET_A, now_s=NOW_S)


def test_a_token_of_another_secret_is_refused() -> None:
    with pytest.raises(Unauthenticated):
        verify_bearer(_token(secret=SECRET_B), secret=SECRET_A, now_s=NOW_S)


def test_an_expired_token_is_refused_from_its_last_second_on() -> None:
    verify_bearer(_token(), secret=SECRET_A, now_s=NOW_S + 59.9)
    with pytest.raises(Unauthenticated, match="expired"):
        verify_bearer(_token(), secret=SECRET_A, now_s=NOW_S + 60)


def test_a_token_without_expiry_is_refused() -> None:
    with pytest.raises(Unauthenticated, match="expiry"):
        verify_bearer(_token(exp=None), secret=SECRET_A, now_s=NOW_S)


@pytest.mark.parametrize("never", [float("nan"), float("inf"), True])
def test_an_expiry_that_never_comes_is_no_expiry(never: float) -> None:
    with pytest.raises(Unauthenticated, match="expiry"):
        verify_bearer(_signed({**CLAIMS, "exp": never}), secret=SECRET_A, now_s=NOW_S)


def test_a_token_for_later_is_refused() -> None:
    with pytest.raises(Unauthenticated, match="yet"):
        verify_bearer(_token(nbf=NOW_S + 61), secret=SECRET_A, now_s=NOW_S)


@pytest.mark.parametrize(
    "changes",
    [
        {"sub": None},
        {"sub": ""},
        {"tenant_id": 5},
        {"tenant_id": ""},
        {"tenant_id": "t" * 129},
        {"tenant_id": "two\nlines"},
        {"role": []},
        {"permissions": "p"},
        {"exp": "later"},
    ],
)
def test_a_token_of_the_wrong_shape_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(Unauthenticated):
        verify_bearer(_token(**changes), secret=SECRET_A, now_s=NOW_S)


@pytest.mark.parametrize("garbage", ["", "a.b.c", "é", "." * 9000, jwt.encode(CLAIMS, "", "none")])
def test_what_is_no_token_is_refused(garbage: str) -> None:
    with pytest.raises(Unauthenticated):
        verify_bearer(garbage, secret=SECRET_A, now_s=NOW_S)


def test_only_the_configured_algorithm_is_taken() -> None:
    other = jwt.encode(CLAIMS, SECRET_A * 2, "HS512")

    with pytest.raises(Unauthenticated):
        verify_bearer(other, secret=SECRET_A * 2, now_s=NOW_S)
    assert verify_bearer(other, secret=SECRET_A * 2, now_s=NOW_S, algorithm="HS512").subject == "u"


@pytest.mark.parametrize("algorithm", ["none", "RS256", "hs256"])
def test_an_algorithm_that_callers_cannot_use_is_a_wrong_setting(algorithm: str) -> None:
    with pytest.raises(ConfigurationError, match="JWT_ALGORITHM"):
        verify_bearer(_token(), secret=SECRET_A, now_s=NOW_S, algorithm=algorithm)


def test_a_short_secret_is_a_wrong_setting() -> None:
    with pytest.raises(ConfigurationError, match="32 bytes"):
        verify_bearer(_token(), secret="s" * 31, now_s=NOW_S)


def _signed(claims: dict[str, Any]) -> str:
    return jwt.PyJWS().encode(json.dumps(claims).encode(), SECRET_A, "HS256")


def _token(*, secret: str = SECRET_A, **changes: Any) -> str:
    claims = {name: value for name, value in {**CLAIMS, **changes}.items() if value is not None}
    return jwt.encode(claims, secret, "HS256")
