"""Free ports for servers that a test starts."""

from connectors.kafka.ports import free_port

__all__ = ["free_port"]
