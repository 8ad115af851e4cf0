"""Who may see a dead letter unmasked, and the record that is kept of it."""

from __future__ import annotations

import json
import logging
import os
from datetime import UTC, datetime
from pathlib import Path

from pydantic import SecretStr

from api.tokens import CallerTokens
from cli.keys import caller_secret
from cli.settings import Settings
from connectors.dead_letters.letter import DeadLetter
from schemas.claims.bearer import Caller
from schemas.errors import ConfigurationError, PermissionDenied
from schemas.permissions import UNMASK
from schemas.topics import DEAD_LETTERS

AUDIT_FILE = "audit.jsonl"
TOKEN_SETTING = "VERIAIDPO_OPERATOR_TOKEN"  # noqa: S105 - its name

_audit = logging.getLogger("veriaidpo.audit")


def permitted_operator(settings: Settings) -> Caller:
    """Whose token VERIAIDPO_OPERATOR_TOKEN is, checked as the bridge checks callers.

    Unauthenticated, PermissionDenied, ConfigurationError.
    """
    if settings.operator_token is None:
        raise ConfigurationError(
            setting=TOKEN_SETTING, reason=f"it isn't set, and --unmasked needs a token with {UNMASK}"
        )
    tokens = CallerTokens(SecretStr(caller_secret(settings)), settings.jwt_algorithm)
    operator = tokens.verify(settings.operator_token.get_secret_value())
    if UNMASK not in operator.permissions:
        raise PermissionDenied(
            required_permission=UNMASK,
            user_role=operator.role,
            user_permissions=sorted(operator.permissions),
        )
    return operator


def record_unmasking(settings: Settings, operator: Caller, letter: DeadLetter) -> None:
    """Write down who sees which letter, in the log and in the home's audit file; never what it says.

    ConfigurationError where it can't be written: then nothing is shown.
    """
    entry = json.dumps(
        {
            "at": datetime.now(UTC).isoformat(timespec="milliseconds"),
            "action": "dead_letter_unmasked",
            "subject": operator.subject,
            "role": operator.role,
            "operator_tenant": operator.tenant_id,
            "topic": DEAD_LETTERS,
            "partition": letter.partition,
            "offset": letter.offset,
        }
    )
    file = settings.home / AUDIT_FILE
    try:
        _append(file, entry + "\n")
    except OSError as error:
        raise ConfigurationError(
            setting="VERIAIDPO_HOME",
            reason=f"the audit file {file} can't be written ({type(error).__name__})",
        ) from error
    _audit.setLevel(logging.INFO)  # whatever the log level is
    _audit.info("%s", entry)


def _append(file: Path, line: str) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    # One write to a file that only grows: lines of two operators don't mix.
    handle = os.open(file, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    try:
        os.write(handle, line.encode())
        os.fsync(handle)
    finally:
        os.close(handle)
