"""Caller tokens of the REST bridge. They never enter Kafka: the bridge signs the record's claims itself."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from math import isfinite
from typing import NamedTuple, TypeGuard

from jwt.api_jws import PyJWS
from jwt.exceptions import PyJWTError

from ..content import is_id
from ..errors import ConfigurationError, Unauthenticated
from .keys import check_secret

ALGORITHMS = ("HS256", "HS384", "HS512")
LEEWAY_S = 60
_TYPES = (None, "jwt", "at+jwt")


@dataclass(frozen=True, slots=True)
class Caller:
    """Who calls the bridge, as its token says."""

    subject: str
    role: str
    tenant_id: str
    permissions: tuple[str, ...]


def verify_bearer(token: str, *, secret: str, now_s: float, algorithm: str = "HS256") -> Caller:
    """The caller behind a bearer token; Unauthenticated where it is forged, expired or an event's."""
    signed = _signed(token, secret, algorithm)
    _check_time(signed.expires, signed.not_before, now_s)
    return signed.caller


def mint_bearer(
    *,
    secret: str,
    subject: str,
    role: str,
    tenant_id: str,
    permissions: Sequence[str],
    now_s: int,
    lifetime_s: int = 3600,
    algorithm: str = "HS256",
) -> str:
    """A caller's token; for development and tests, a deployment's tokens come from its own login."""
    raw_secret = check_secret(secret, "JWT_SECRET_KEY")
    _check_algorithm(algorithm)
    claims = {
        "sub": subject,
        "role": role,
        "tenant_id": tenant_id,
        "permissions": list(permissions),
        "iat": now_s,
        "exp": now_s + lifetime_s,
    }
    return _JWS.encode(json.dumps(claims).encode(), raw_secret, algorithm, headers={"typ": "JWT"})


_JWS = PyJWS(algorithms=ALGORITHMS)


class _Signed(NamedTuple):
    """What a token says, signed; whether it still counts is another question."""

    caller: Caller
    expires: int | float
    not_before: int | float


@lru_cache(maxsize=1024)  # a caller sends the same token for an hour; what is refused isn't remembered
def _signed(token: str, secret: str, algorithm: str) -> _Signed:
    raw_secret = check_secret(secret, "JWT_SECRET_KEY")
    _check_algorithm(algorithm)
    try:
        decoded = _JWS.decode_complete(token.encode("utf-8", "replace"), raw_secret, [algorithm])
        header, claims = decoded["header"], json.loads(decoded["payload"])
    except (PyJWTError, ValueError, RecursionError) as error:
        raise Unauthenticated(
            reason="the token isn't one of ours", reason_vi="token không phải do hệ thống cấp"
        ) from error
    typ = header.get("typ")
    if (typ.lower() if isinstance(typ, str) else typ) not in _TYPES:
        raise Unauthenticated(
            reason="this kind of token isn't for callers", reason_vi="loại token này không dành cho người gọi"
        )
    if not isinstance(claims, dict):
        raise Unauthenticated(
            reason="the token's payload isn't an object",
            reason_vi="nội dung token không phải là một đối tượng",
        )
    expires, not_before = claims.get("exp"), claims.get("nbf", 0)
    if not _is_time(expires) or not _is_time(not_before):
        raise Unauthenticated(reason="the token names no expiry", reason_vi="token không có thời hạn")
    return _Signed(_caller(claims), expires, not_before)


def _check_algorithm(algorithm: str) -> None:
    if algorithm not in ALGORITHMS:
        raise ConfigurationError(setting="JWT_ALGORITHM", reason=f"use one of {', '.join(ALGORITHMS)}")


def _check_time(expires: float, not_before: float, now_s: float) -> None:
    if now_s >= expires:
        raise Unauthenticated(reason="the token has expired", reason_vi="token đã hết hạn")
    if now_s + LEEWAY_S < not_before:
        raise Unauthenticated(reason="the token isn't valid yet", reason_vi="token chưa có hiệu lực")


def _is_time(value: object) -> TypeGuard[int | float]:
    # JSON's NaN, as Python reads it, is never reached: such a token would never expire.
    return type(value) is int or (type(value) is float and isfinite(value))


def _caller(claims: dict[str, object]) -> Caller:
    subject, tenant_id = claims.get("sub"), claims.get("tenant_id")
    if not isinstance(subject, str) or not isinstance(tenant_id, str) or not subject or not tenant_id:
        raise Unauthenticated(
            reason="the token names no subject or no tenant", reason_vi="token thiếu chủ thể hoặc tenant"
        )
    if not is_id(tenant_id):
        raise Unauthenticated(
            reason="the token's tenant can't be used as an id",
            reason_vi="tenant trong token không dùng được làm mã định danh",
        )
    role, permissions = claims.get("role", ""), claims.get("permissions", [])
    if not isinstance(role, str) or not isinstance(permissions, list):
        raise Unauthenticated(
            reason="the token's role or permissions are malformed",
            reason_vi="vai trò hoặc quyền trong token sai cấu trúc",
        )
    return Caller(subject, role, tenant_id, tuple(name for name in permissions if isinstance(name, str)))
