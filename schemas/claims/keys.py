"""Keys, loaded and prepared once. HS256, RS256 and EdDSA (Ed25519); `none` never."""

from __future__ import annotations

import hmac
from typing import Any, TypeAlias

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key, load_pem_public_key
from jwt.algorithms import Algorithm, HMACAlgorithm, OKPAlgorithm, RSAAlgorithm
from jwt.exceptions import PyJWTError

from ..errors import ConfigurationError

ALGORITHMS = ("HS256", "RS256", "EdDSA")
MIN_SECRET_BYTES = 32
MIN_RSA_BITS = 2048

PublicKey: TypeAlias = RSAPublicKey | Ed25519PublicKey


class Verifier:
    """A key bound to its algorithm: a token can't choose another one for it."""

    def __init__(self, key: str | bytes | PublicKey, algorithm: str, *, kid: str) -> None:
        setting = f"key {kid}"
        self._algorithm = _algorithm(algorithm, setting)
        self._key: Any = _secret(key, setting) if algorithm == "HS256" else _public(key, setting)
        _check_fits(algorithm, self._key, setting)

    def verify(self, signing_input: bytes, signature: bytes) -> bool:
        if isinstance(self._key, bytes):  # HS256 in one call, where pyjwt takes four
            return hmac.compare_digest(hmac.digest(self._key, signing_input, "sha256"), signature)
        return bool(self._algorithm.verify(signing_input, self._key, signature))


class Signer:
    """A secret or private key bound to its algorithm."""

    def __init__(self, key: str, algorithm: str, *, kid: str) -> None:
        setting = f"key {kid}"
        self._algorithm = _algorithm(algorithm, setting)
        self._key: Any = _secret(key, setting) if algorithm == "HS256" else _private(key, setting)
        _check_fits(algorithm, self._key, setting)

    def sign(self, signing_input: bytes) -> bytes:
        return bytes(self._algorithm.sign(signing_input, self._key))


def check_secret(secret: str | bytes, setting: str) -> bytes:
    """The secret's bytes; ConfigurationError where it is short enough to be guessed."""
    raw = secret.encode() if isinstance(secret, str) else secret
    if len(raw) < MIN_SECRET_BYTES:
        raise ConfigurationError(
            setting=setting, reason=f"a secret has {MIN_SECRET_BYTES} bytes or more, this one {len(raw)}"
        )
    try:
        # A public key taken for a secret is known to everybody: pyjwt refuses it.
        return HMACAlgorithm(HMACAlgorithm.SHA256).prepare_key(raw)
    except PyJWTError as error:
        raise ConfigurationError(
            setting=setting, reason="a secret is random bytes, not a key file"
        ) from error


def _algorithm(name: str, setting: str) -> Algorithm:
    match name:
        case "HS256":
            return HMACAlgorithm(HMACAlgorithm.SHA256)
        case "RS256":
            return RSAAlgorithm(RSAAlgorithm.SHA256)
        case "EdDSA":
            return OKPAlgorithm()
    raise ConfigurationError(setting=setting, reason=f"{name!r} isn't one of {', '.join(ALGORITHMS)}")


def _secret(key: str | bytes | PublicKey, setting: str) -> bytes:
    if not isinstance(key, str | bytes):
        raise ConfigurationError(setting=setting, reason="HS256 takes a secret, not a public key")
    return check_secret(key, setting)


def _public(key: str | bytes | PublicKey, setting: str) -> object:
    if not isinstance(key, str | bytes):
        return key
    try:
        return load_pem_public_key(key.encode() if isinstance(key, str) else key)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise ConfigurationError(setting=setting, reason="it isn't a PEM public key") from error


def _private(key: str, setting: str) -> object:
    try:
        return load_pem_private_key(key.encode(), password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise ConfigurationError(setting=setting, reason="it isn't an unencrypted PEM private key") from error


def _check_fits(algorithm: str, key: object, setting: str) -> None:
    match algorithm, key:
        case ("RS256", RSAPublicKey() | RSAPrivateKey() as rsa):
            if rsa.key_size < MIN_RSA_BITS:
                raise ConfigurationError(setting=setting, reason=f"RSA keys have {MIN_RSA_BITS} bits or more")
        case ("HS256", bytes()) | ("EdDSA", Ed25519PublicKey() | Ed25519PrivateKey()):
            pass
        case _:
            raise ConfigurationError(
                setting=setting,
                reason=f"it doesn't fit {algorithm}: RS256 goes with RSA, EdDSA with Ed25519",
            )
