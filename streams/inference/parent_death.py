"""A child that ends when its worker does, even when the worker is killed with SIGKILL.

Two independent ways, for each alone has a hole: the kernel's parent-death signal works while the child
computes or hangs in native code, but exists on Linux only, and is lost if the worker dies before it is asked
for; end of file on the pipe (noticed by the child's reader thread) works everywhere, but not while native
code holds the interpreter.
"""

from __future__ import annotations

import ctypes
import logging
import os
import signal
import sys

log = logging.getLogger(__name__)

_PR_SET_PDEATHSIG = 1  # linux/prctl.h


def end_with_parent(parent_pid: int | None) -> None:
    """Ask the kernel for SIGKILL at the parent's death; exit at once where `parent_pid` is dead already."""
    if not sys.platform.startswith("linux"):
        return  # the pipe's end of file remains
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0) != 0:
        log.warning("no parent-death signal (errno %d): relying on the pipe alone", ctypes.get_errno())
    # The parent may have died before the call above: then nobody will ever send the signal.
    if parent_pid is not None and os.getppid() != parent_pid:
        os._exit(0)
