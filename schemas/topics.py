"""The names of the topics; what they're made of is declared in connectors/kafka/topics.py."""

from __future__ import annotations

import re

from .errors import ConfigurationError, RecordMismatch
from .taxonomy import model_type

REQUEST_PREFIX = "veriaidpo.requests."
REPLY_PREFIX = "veriaidpo.replies."
RESULTS = "veriaidpo.results"
DEAD_LETTERS = "veriaidpo.dead-letters"
MODEL_STATUS = "veriaidpo.model-status"

# Kafka's own rule for a topic's name, less the dots: a client's name is one segment.
_CLIENT = re.compile(r"[A-Za-z0-9_-]{1,100}")


def request_topic(model_type_name: str) -> str:
    """Where requests of that model type go; UnknownModelType where there is none."""
    return REQUEST_PREFIX + model_type(model_type_name).name


def model_type_of(topic: str) -> str:
    """The model type that a request topic serves."""
    if not topic.startswith(REQUEST_PREFIX):
        raise RecordMismatch(field="topic")
    return model_type(topic[len(REQUEST_PREFIX) :]).name


def reply_topic(client: str) -> str:
    """Where a client's replies go; only such names may be a reply address."""
    if not _CLIENT.fullmatch(client):
        raise ConfigurationError(
            setting="client", reason="a client's name is 1 to 100 letters, digits, '-' or '_'"
        )
    return REPLY_PREFIX + client


def client_of(topic: str) -> str | None:
    """The client whose replies a topic takes; None for every other topic."""
    client = topic.removeprefix(REPLY_PREFIX)
    return client if client != topic and _CLIENT.fullmatch(client) else None
