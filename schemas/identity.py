"""What makes two results the same result, and two values the same value."""

from __future__ import annotations

import json
from hashlib import sha256
from uuid import UUID, uuid5

RESULT_NAMESPACE = UUID("2b7f6d1e-6f0a-5a0c-9f4e-91202510f5a1")


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
    parts = [issuer, tenant_id, request_id, model_type, digest, replay_id]
    return str(uuid5(RESULT_NAMESPACE, json.dumps(parts, separators=(",", ":"))))
