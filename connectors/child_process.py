"""Child processes that can't outlive us, however we end."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

# Runs between fork and exec, as a program of its own: Popen's preexec_fn is unsafe beside threads.
# PR_SET_PDEATHSIG survives exec; the check after it closes the gap in which the parent had died before.
_TRAMPOLINE = """
import ctypes, os, sys
if sys.platform == "linux":
    ctypes.CDLL(None).prctl(1, 9)
if os.getppid() != int(sys.argv[1]):
    sys.exit(1)
os.execvp(sys.argv[2], sys.argv[2:])
"""


def dies_with_parent(command: Sequence[str]) -> list[str]:
    """The command line that runs `command` and is killed (SIGKILL, on Linux) when this process ends.

    Linux sends the signal when the *thread* that started the child ends: start it from a thread that
    lives as long as the child may, such as the event loop's.
    """
    return [sys.executable, "-I", "-S", "-c", _TRAMPOLINE, str(os.getpid()), *command]
