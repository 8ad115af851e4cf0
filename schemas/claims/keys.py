"""Keys as pyjwt takes them, made once. HS256, RS256 and EdDSA (Ed25519); `none` never."""

from __future__ import annotations

from typing import TypeAlias

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key, load_pem_public_key
from jwt import PyJWK
from jwt.algorithms import HMACAlgorithm, OKPAlgorithm, RSAAlgorithm
from jwt.exceptions import PyJWTError

from ..errors import ConfigurationError

ALGORITHMS = ("HS256", "RS256", "EdDSA")
MIN_SECRET_BYTES = 32
MIN_RSA_BITS = 2048

PublicKey: TypeAlias = RSAPublicKey | Ed25519PublicKey


def verifying_jwk(key: str | bytes | PublicKey, algorithm: str, *, kid: str) -> PyJWK:
    """The key, bound to its algorithm: a token can't choose another one for it."""
    setting = f"key {kid}"
    if algorithm == "HS256":
        secret = _secret(key, setting)
        return PyJWK(HMACAlgorithm.to_jwk(secret, as_dict=True), "HS256")
    public = _public(key, setting)
    if algorithm == "RS256" and isinstance(public, RSAPublicKey):
        if public.key_size < MIN_RSA_BITS:
            raise ConfigurationError(setting=setting, reason=f"an RSA key has {MIN_RSA_BITS} bits or more")
        return PyJWK(RSAAlgorithm.to_jwk(public, as_dict=True), "RS256")
    if algorithm == "EdDSA" and isinstance(public, Ed25519PublicKey):
        return PyJWK(OKPAlgorithm.to_jwk(public, as_dict=True), "EdDSA")
    raise _wrong_algorithm(algorithm, setting)


def signing_key(key: str, algorithm: str, *, kid: str) -> bytes | RSAPrivateKey | Ed25519PrivateKey:
    """The key to sign with: a secret of 32 bytes or more, or a PEM private key."""
    setting = f"key {kid}"
    if algorithm == "HS256":
        return _secret(key, setting)
    try:
        private = load_pem_private_key(key.encode(), password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise ConfigurationError(setting=setting, reason="it isn't an unencrypted PEM private key") from error
    if algorithm == "RS256" and isinstance(private, RSAPrivateKey):
        if private.key_size < MIN_RSA_BITS:
            raise ConfigurationError(setting=setting, reason=f"an RSA key has {MIN_RSA_BITS} bits or more")
        return private
    if algorithm == "EdDSA" and isinstance(private, Ed25519PrivateKey):
        return private
    raise _wrong_algorithm(algorithm, setting)


def check_secret(secret: str | bytes, setting: str) -> bytes:
    """The secret's bytes; ConfigurationError where it is short enough to be guessed."""
    raw = secret.encode() if isinstance(secret, str) else secret
    if len(raw) < MIN_SECRET_BYTES:
        raise ConfigurationError(
            setting=setting, reason=f"a secret has {MIN_SECRET_BYTES} bytes or more, this one {len(raw)}"
        )
    return raw


def _secret(key: str | bytes | PublicKey, setting: str) -> bytes:
    if not isinstance(key, str | bytes):
        raise ConfigurationError(setting=setting, reason="HS256 takes a secret, not a public key")
    raw = check_secret(key, setting)
    try:
        # A public key used as a secret is known to everybody: pyjwt refuses it.
        return HMACAlgorithm(HMACAlgorithm.SHA256).prepare_key(raw)
    except PyJWTError as error:
        raise ConfigurationError(setting=setting, reason="HS256 takes a secret, not a key file") from error


def _public(key: str | bytes | PublicKey, setting: str) -> PublicKey:
    if isinstance(key, RSAPublicKey | Ed25519PublicKey):
        return key
    try:
        loaded = load_pem_public_key(key.encode() if isinstance(key, str) else key)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise ConfigurationError(setting=setting, reason="it isn't a PEM public key") from error
    if not isinstance(loaded, RSAPublicKey | Ed25519PublicKey):
        raise ConfigurationError(setting=setting, reason="public keys are RSA or Ed25519")
    return loaded


def _wrong_algorithm(algorithm: str, setting: str) -> ConfigurationError:
    return ConfigurationError(
        setting=setting,
        reason=f"{algorithm!r} doesn't fit it; use HS256 with a secret, RS256 with RSA, EdDSA with Ed25519",
    )
