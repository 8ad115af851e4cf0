"""Base64url without padding (RFC 7515), in its one canonical spelling."""

from __future__ import annotations

from base64 import urlsafe_b64decode, urlsafe_b64encode


def encode(data: bytes) -> bytes:
    return urlsafe_b64encode(data).rstrip(b"=")


def decode(segment: bytes) -> bytes:
    """The bytes; ValueError for any other spelling of them, so that no two tokens hold one signature."""
    decoded = urlsafe_b64decode(segment + b"=" * (-len(segment) % 4))  # leaves out what isn't its alphabet
    if encode(decoded) != segment:
        raise ValueError("base64url isn't canonical")
    return decoded
