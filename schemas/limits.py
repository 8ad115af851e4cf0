"""How large things may be. Topic declarations, producers and readers take the same numbers."""

from __future__ import annotations

MAX_TEXT_CHARS = 20_000
MAX_REQUEST_BYTES = 1_048_576
"""max.message.bytes of the request topics: key, value, headers and Kafka's own overhead."""

MAX_CORRELATION_ID_BYTES = 256
MAX_HEADERS_BYTES = 32_768
MAX_HEADERS = 64
MAX_TOKEN_BYTES = 8_192
MAX_ID_CHARS = 128
"""Request ids and tenant ids; a correlation id has a limit of its own."""

DEAD_LETTER_HEADROOM_BYTES = 65_536
"""What the dead letters' max.message.bytes exceeds the requests' by: room for the provenance headers."""

MAX_VALUE_BYTES = MAX_REQUEST_BYTES + DEAD_LETTER_HEADROOM_BYTES
"""The largest value that is decoded at all: no topic of ours takes a larger one."""
