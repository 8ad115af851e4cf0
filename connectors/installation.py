"""A development installation's own keys: made at random once, in `.veriaidpo/`, never constants.

    .veriaidpo/jwt-secret            verifies callers at the bridge
    .veriaidpo/keys/bridge.json      signs the bridge's events
    .veriaidpo/keys/publisher.json   signs a publishing service's events
    .veriaidpo/issuers.json          what workers verify events with

Production names its own files instead; nothing here stands in for them.
"""

from __future__ import annotations

import json
import os
import stat
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from secrets import token_hex, token_urlsafe

from schemas.errors import ConfigurationError
from schemas.topics import REPLY_PREFIX, REQUEST_PREFIX, reply_topic

DEFAULT_HOME = Path(".veriaidpo")
BRIDGE_ISSUER = "veriaidpo-bridge"
PUBLISHER_ISSUER = "veriaidpo-publisher"


@dataclass(frozen=True, slots=True)
class Installation:
    """`jwt_secret` is the secret itself, the rest are files."""

    jwt_secret: str
    issuers_file: Path
    bridge_key: Path
    publisher_key: Path

    def __repr__(self) -> str:
        return f"Installation(issuers_file={str(self.issuers_file)!r})"


def development_installation(home: Path) -> Installation:
    """The installation in `home`, made where it isn't there yet; any number of processes may ask at once.

    Each file appears whole or not at all, and the first to appear stays. The issuer list is made from the
    key files as they are on disk, so that whoever wins which race, the files belong together.
    """
    keys = home / "keys"
    _private_folder(home)
    _private_folder(keys)
    bridge = _key_file(keys / "bridge.json", BRIDGE_ISSUER)
    publisher = _key_file(keys / "publisher.json", PUBLISHER_ISSUER)
    issuers_file = home / "issuers.json"
    entries = [
        _issuer(bridge, reply_topics=[reply_topic("bridge")]),
        _issuer(publisher, reply_topics=[f"{REPLY_PREFIX}*"]),
    ]
    listed = _create_once(issuers_file, json.dumps({"issuers": entries}, indent=2) + "\n")
    for key in (bridge, publisher):
        if key["kid"] not in listed:
            raise ConfigurationError(
                setting=str(issuers_file),
                reason=f"it doesn't hold the key of {key['issuer']} in {keys}; remove it to make it anew",
            )
    return Installation(
        jwt_secret=_create_once(home / "jwt-secret", token_urlsafe(48)).strip(),
        issuers_file=issuers_file,
        bridge_key=keys / "bridge.json",
        publisher_key=keys / "publisher.json",
    )


def _key_file(path: Path, issuer: str) -> dict[str, str]:
    secret = token_urlsafe(48)
    # The id follows from the secret, so that a list that holds the id holds this secret, not an older one.
    kid = f"dev-{sha256(secret.encode()).hexdigest()[:16]}"
    fresh = {"issuer": issuer, "kid": kid, "algorithm": "HS256", "key": secret}
    text = _create_once(path, json.dumps(fresh, indent=2) + "\n")
    try:
        found = json.loads(text)
        return {name: str(found[name]) for name in fresh}
    except (ValueError, TypeError, KeyError) as error:
        raise ConfigurationError(
            setting=str(path), reason="it isn't a signing key; remove it, and it is made anew"
        ) from error


def _issuer(key: dict[str, str], *, reply_topics: list[str]) -> dict[str, object]:
    return {
        "name": key["issuer"],
        "keys": [{"kid": key["kid"], "algorithm": key["algorithm"], "secret": key["key"]}],
        "tenants": ["*"],
        "permissions": ["*"],
        "topics": [f"{REQUEST_PREFIX}*"],
        "reply_topics": reply_topics,
    }


def _private_folder(path: Path) -> None:
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    status = path.stat()
    # Another command may have made it first, for all to read. Somebody else's, or /tmp, is left alone.
    is_ours = status.st_uid == os.getuid() and not status.st_mode & stat.S_ISVTX
    if is_ours and stat.S_IMODE(status.st_mode) & 0o077:
        path.chmod(0o700)


def _create_once(path: Path, content: str) -> str:
    """What is in the file: `content` where we were the first, else what is there already."""
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        pass
    draft = path.with_name(f".{path.name}.{token_hex(8)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        # A link, unlike a rename, fails where the file exists: the second process reads the first one's.
        os.link(draft, path)
    except FileExistsError:
        return path.read_text(encoding="utf-8")
    finally:
        draft.unlink()
    return content
