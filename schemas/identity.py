"""What makes two results the same result, and two values the same value."""

from __future__ import annotations

from hashlib import sha1, sha256
from json.encoder import encode_basestring_ascii
from uuid import UUID

RESULT_NAMESPACE = UUID("2b7f6d1e-6f0a-5a0c-9f4e-91202510f5a1")
_IN_NAMESPACE = sha1(RESULT_NAMESPACE.bytes, usedforsecurity=False)


def digest_of(value: bytes) -> str:
    """The lower-case hex SHA-256 of a record's value: what claims are signed over."""
    return sha256(value).hexdigest()


def result_id(
    *, issuer: str, tenant_id: str, request_id: str, model_type: str, digest: str, replay_id: str = ""
) -> str:
    """The same for every redelivery of a record, so that consumers keep the first and drop the rest.

    The parts go in as a JSON array: no part can be moved into its neighbour to forge another record's id.
    The model version is data and left out: a redelivery may meet a newer model and is still the same result.
    """
    parts = (issuer, tenant_id, request_id, model_type, digest, replay_id)
    name = f"[{','.join(map(encode_basestring_ascii, parts))}]"
    # uuid5(RESULT_NAMESPACE, name), without its two UUID objects.
    named = _IN_NAMESPACE.copy()  # a new one has OpenSSL look its algorithm up again
    named.update(name.encode())
    found = named.hexdigest()
    variant = "89ab"[int(found[16], 16) & 3]
    return f"{found[:8]}-{found[8:12]}-5{found[13:16]}-{variant}{found[17:20]}-{found[20:32]}"
