"""The codec that settings ask for: plain Avro values, or with a schema registry's ids."""

from __future__ import annotations

from cli.settings import Settings
from connectors.schema_registry import ConfluentRegistry
from schemas.codec import Codec


def codec_of(settings: Settings) -> Codec:
    """A codec for the whole process; a registry isn't asked before it is needed."""
    if settings.schema_registry.url is None:
        return Codec()
    return Codec(ConfluentRegistry(settings.schema_registry))
