"""Base64url without padding (RFC 7515), in its one canonical spelling."""

from __future__ import annotations

from base64 import urlsafe_b64encode
from binascii import a2b_base64


def encode(data: bytes) -> bytes:
    return urlsafe_b64encode(data).rstrip(b"=")


def decode(segment: bytes) -> bytes:
    """The bytes; ValueError for any other spelling of them, so that no two tokens hold one signature."""
    if segment.translate(None, _LETTERS) or segment[-1:] not in _LAST[len(segment) % 4]:
        raise ValueError("not canonical base64url")
    return a2b_base64(segment.translate(_STANDARD) + b"=" * (-len(segment) % 4))


_LETTERS = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
_STANDARD = bytes.maketrans(b"-_", b"+/")
# The last letter of two or three holds bits beyond the last byte: they are 0. One letter alone is no byte.
_LAST = (_LETTERS, b"", _LETTERS[::16], _LETTERS[::4])
