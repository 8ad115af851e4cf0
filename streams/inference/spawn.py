"""The worker's end of one inference child: start it, talk to it, end it."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import streams
from streams.inference.frames import (
    MAX_FRAME_BYTES,
    GarbageOnLink,
    LinkClosed,
    LinkError,
    frame,
    receive_frame,
)
from streams.inference.messages import BatchResults, Ready, Unusable, decode_from_child, encode_batch
from streams.inference.protocol import Item, ModelInfo


@dataclass(frozen=True, slots=True)
class ChildCommand:
    """What Python runs as the child: a module or a file, and its arguments."""

    arguments: tuple[str, ...]


def onnx_child(store: Path, threads: int | None = None) -> ChildCommand:
    """The child with the models of a store; `threads` is every core this process may use, unless told."""
    chosen = ("--threads", str(threads)) if threads is not None else ()
    return ChildCommand((*_MODULE, "--engine", "onnx", "--store", str(store.absolute()), *chosen))


def constant_child() -> ChildCommand:
    """The child that computes nothing, for measuring all the rest."""
    return ChildCommand((*_MODULE, "--engine", "constant"))


class StartFailed(Exception):
    """The child didn't get as far as Ready. `definite`: it said itself that it can't."""

    def __init__(self, reason: str, *, definite: bool) -> None:
        super().__init__(reason)
        self.reason = reason
        self.definite = definite


class Child:
    """A child that is ready. Made by `start_child`; whoever has it calls `end`."""

    def __init__(self, process: asyncio.subprocess.Process, ready: Ready) -> None:
        self._process = process
        self._ready = ready
        self._stdin, self._stdout = _pipes(process)
        self.answered = False
        """It has answered a batch: its start was worth it."""

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def models(self) -> Mapping[str, ModelInfo]:
        return self._ready.models

    @property
    def max_tokens(self) -> int:
        return self._ready.max_tokens

    def send(self, batch_id: int, items: Sequence[Item]) -> None:
        """Hand it a batch. If it is gone already, `receive` will say so."""
        if not self._stdin.is_closing():
            self._stdin.write(frame(encode_batch(batch_id, items)))

    async def receive(self) -> BatchResults:
        """The next batch's outcomes. LinkError when there will be none."""
        message = decode_from_child(await receive_frame(self._stdout))
        if not isinstance(message, BatchResults):
            raise GarbageOnLink("a child that is ready says more than results")
        self.answered = True
        return message

    def kill(self) -> None:
        """SIGKILL; nothing gentler reaches native code that hangs."""
        _kill(self._process)

    async def end(self) -> None:
        """Kill it and leave no zombie. It holds nothing that is worth a gentle end."""
        await _end(self._process)


async def start_child(command: ChildCommand, *, limit_s: float) -> Child:
    """Start a child and wait until its engine is loaded; StartFailed."""
    try:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            *_INTERPRETER_OPTIONS,
            *command.arguments,
            *(("--parent", str(os.getpid())) if command.arguments[: len(_MODULE)] == _MODULE else ()),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            env=_child_environment(os.environ),
            limit=MAX_FRAME_BYTES,
        )
    except OSError as error:
        raise StartFailed(type(error).__name__, definite=False) from error
    try:
        async with asyncio.timeout(limit_s):
            message = decode_from_child(await receive_frame(_pipes(process)[1]))
    except BaseException as error:
        await _end(process)
        match error:
            case TimeoutError():
                raise StartFailed("START_TIMED_OUT", definite=False) from error
            case LinkClosed():
                raise StartFailed("CHILD_DIED", definite=False) from error
            case LinkError():
                raise StartFailed("CHILD_SENT_GARBAGE", definite=False) from error
        raise
    if isinstance(message, Ready):
        return Child(process, message)
    await _end(process)
    reason = message.reason if isinstance(message, Unusable) else "CHILD_SENT_GARBAGE"
    raise StartFailed(reason, definite=isinstance(message, Unusable))


_MODULE: Final = ("-m", "streams.inference.child")

# -P: import nothing from the working directory. faulthandler: a native crash leaves its stack in the log.
_INTERPRETER_OPTIONS: Final = ("-P", "-X", "faulthandler")

_KEPT_VARIABLES: Final = frozenset(
    {"PATH", "HOME", "LANG", "LANGUAGE", "TZ", "TMPDIR", "LD_LIBRARY_PATH", "LD_PRELOAD"}
)
_KEPT_PREFIXES: Final = ("LC_", "MALLOC_", "OMP_", "CUDA_", "NVIDIA_")


def _child_environment(environment: Mapping[str, str]) -> dict[str, str]:
    """What the models need and nothing that is secret: keys and passwords are the worker's alone."""
    kept = {
        name: value
        for name, value in environment.items()
        if name in _KEPT_VARIABLES or name.startswith(_KEPT_PREFIXES)
    }
    # The child runs the very code that its worker runs, installed or not.
    root = str(Path(streams.__file__).parents[1])
    # The products in numpy are of a few hundred numbers: its threads would only cost memory.
    return {**kept, "PYTHONPATH": root, "PYTHONUTF8": "1", "OPENBLAS_NUM_THREADS": "1"}


def _pipes(process: asyncio.subprocess.Process) -> tuple[asyncio.StreamWriter, asyncio.StreamReader]:
    assert process.stdin is not None  # noqa: S101 - both are asked for in start_child
    assert process.stdout is not None  # noqa: S101
    return process.stdin, process.stdout


def _kill(process: asyncio.subprocess.Process) -> None:
    with contextlib.suppress(ProcessLookupError):
        process.kill()


async def _end(process: asyncio.subprocess.Process) -> None:
    _kill(process)
    _pipes(process)[0].close()
    await process.wait()
