"""What a publisher signs about a record, and what a caller's token says."""

from __future__ import annotations

from ..reply import ReplyAddress
from .bearer import Caller, mint_bearer, verify_bearer
from .issuers import Issuer, IssuerList, VerifyingKey
from .mint import SigningKey, mint_event_claims
from .verify import EventClaims, check_claims, check_record, may_reply, verify_signature

__all__ = [
    "Caller",
    "EventClaims",
    "Issuer",
    "IssuerList",
    "ReplyAddress",
    "SigningKey",
    "VerifyingKey",
    "check_claims",
    "check_record",
    "may_reply",
    "mint_bearer",
    "mint_event_claims",
    "verify_bearer",
    "verify_signature",
]
