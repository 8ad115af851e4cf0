"""JWKS: reading a key set from a file or an address, public keys of one algorithm only."""

from __future__ import annotations

import json
import time
from http.client import HTTPException, HTTPResponse
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import HTTPRedirectHandler, Request, build_opener

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from jwt import PyJWKSet
from jwt.exceptions import PyJWTError

from schemas.claims import VerifyingKey
from schemas.errors import ConfigurationError, KeysUnavailable

MAX_KEY_SET_BYTES = 1_048_576


def fetch_key_set(url: str, *, algorithm: str, issuer: str, timeout_s: float) -> list[VerifyingKey]:
    """The set behind an address (blocks: call it in a thread); KeysUnavailable where it can't be had now."""
    try:
        # The scheme was checked when the issuer list was read, and redirects aren't followed.
        request = Request(url, headers={"Accept": "application/json"})  # noqa: S310
        deadline = time.monotonic() + timeout_s
        with _OPENER.open(request, timeout=timeout_s) as response:
            body = _read_until(deadline, response)
    except HTTPError as error:
        raise KeysUnavailable(
            issuer=issuer,
            reason=f"its key set answers {error.code}",
            reason_vi=f"bộ khóa trả lời {error.code}",
        ) from error
    except (OSError, HTTPException) as error:
        raise KeysUnavailable(
            issuer=issuer, reason="its key set can't be reached", reason_vi="không truy cập được bộ khóa"
        ) from error
    try:
        return parse_key_set(body, algorithm=algorithm)
    except ValueError as error:
        raise KeysUnavailable(
            issuer=issuer, reason=f"its key set is unusable: {error}", reason_vi="bộ khóa không dùng được"
        ) from error


def read_key_set(path: Path, *, algorithm: str) -> list[VerifyingKey]:
    """The set in a file; ConfigurationError where it isn't one."""
    try:
        return parse_key_set(path.read_bytes(), algorithm=algorithm)
    except OSError as error:
        raise ConfigurationError(
            setting="jwks", reason=f"{path} can't be read ({type(error).__name__})"
        ) from None
    except ValueError as error:
        raise ConfigurationError(setting="jwks", reason=f"{path}: {error}") from error


def parse_key_set(body: bytes, *, algorithm: str) -> list[VerifyingKey]:
    """The keys in a set that have an id and fit the algorithm; ValueError where there is none."""
    if len(body) > MAX_KEY_SET_BYTES:
        raise ValueError(f"it is larger than {MAX_KEY_SET_BYTES} bytes")
    try:
        document = json.loads(body)
        found = PyJWKSet.from_dict(document) if isinstance(document, dict) else None
    except (PyJWTError, ValueError, TypeError, RecursionError) as error:
        raise ValueError("it isn't a JSON Web Key Set") from error
    keys: dict[str, VerifyingKey] = {}
    for jwk in found.keys if found else []:
        key = _verifying_key(jwk.key_id, jwk.key, algorithm, jwk.public_key_use)
        if key is not None:
            keys.setdefault(key.kid, key)
    if not keys:
        raise ValueError(f"it holds no public key for {algorithm} with an id")
    return list(keys.values())


def _read_until(deadline: float, response: HTTPResponse) -> bytes:
    """The body, or a little more than a key set may have. The socket's own limit is for each read alone."""
    body = b""
    while len(body) <= MAX_KEY_SET_BYTES and (part := response.read1(65_536)):
        body += part
        if time.monotonic() > deadline:
            raise TimeoutError
    return body


def _verifying_key(kid: str | None, key: Any, algorithm: str, use: str | None) -> VerifyingKey | None:
    fits = RSAPublicKey if algorithm == "RS256" else Ed25519PublicKey
    if not isinstance(kid, str) or not kid or use not in (None, "sig") or not isinstance(key, fits):
        return None
    try:
        return VerifyingKey(kid=kid, algorithm=algorithm, key=key)
    except ConfigurationError:
        return None  # a key too short to trust; others of the set may do


class _NoRedirect(HTTPRedirectHandler):
    def redirect_request(self, *_args: object, **_kwargs: object) -> None:
        """Another address could be another scheme, or a machine behind our own walls."""


_OPENER = build_opener(_NoRedirect)
