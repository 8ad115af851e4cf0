"""How a worker process ends, for whoever supervises it."""

from __future__ import annotations

EX_OK = 0
EX_CRASHED = 70
"""An unexpected error: nothing was skipped, start it again (sysexits: internal software error)."""

EX_WATCHDOG = 75
"""A group had lag and made no progress: start it again (sysexits: temporary failure)."""
