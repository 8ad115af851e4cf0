"""How to reach a cluster that isn't plain text: what every aiokafka client takes, bar the address."""

from __future__ import annotations

from ssl import SSLContext
from typing import TypedDict


class KafkaSecurity(TypedDict, total=False):
    """Keyword arguments, handed to aiokafka as they are."""

    security_protocol: str
    ssl_context: SSLContext
    sasl_mechanism: str
    sasl_plain_username: str
    sasl_plain_password: str
