"""No child outlives its worker, however the worker dies."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import BinaryIO, cast

import pytest

from streams.inference.frames import frame, read_frame
from streams.inference.messages import BatchResults, FromChild, Ready, decode_from_child, encode_batch
from streams.inference.protocol import Item
from tests.support import faulty_child
from tests.support.processes import children_of, is_running
from tests.support.waiting import eventually

GONE_WITHIN_S = 5

CONSTANT = ("-m", "streams.inference.child", "--engine", "constant")

WORKER = """
import asyncio, sys
from streams.inference.process import InferenceProcess
from streams.inference.protocol import Item
from streams.inference.spawn import ChildCommand

async def main():
    async with InferenceProcess(ChildCommand(tuple(sys.argv[2:]))) as process:
        print(process.pid, flush=True)
        await process.classify([Item("principles", sys.argv[1])])
        await asyncio.Event().wait()

asyncio.run(main())
"""

# Starts the child on its own stdin and stdout, so the pipe's other ends are not its own, and waits.
GO_BETWEEN = """
import subprocess, sys, time
subprocess.Popen([sys.executable, *sys.argv[1:]])
time.sleep(600)
"""


@asynccontextmanager
async def running(
    arguments: Sequence[str], *, stdin: int | None = subprocess.DEVNULL
) -> AsyncIterator[subprocess.Popen[bytes]]:
    """A Python process, killed at the end."""
    process = subprocess.Popen(  # noqa: ASYNC220 - the fork itself doesn't block
        [sys.executable, *arguments], stdin=stdin, stdout=subprocess.PIPE
    )
    try:
        yield process
    finally:
        process.kill()
        await asyncio.to_thread(process.wait)


async def first_line(process: subprocess.Popen[bytes]) -> bytes:
    assert process.stdout
    return await asyncio.to_thread(process.stdout.readline)


async def said(child: subprocess.Popen[bytes]) -> FromChild:
    """The next message that a child, or whoever shares its stdout, has written."""
    assert child.stdout
    return decode_from_child(await asyncio.to_thread(read_frame, cast(BinaryIO, child.stdout)))


async def child_is_gone(pid: int) -> None:
    await eventually(lambda: not is_running(pid), timeout_s=GONE_WITHIN_S, what="the child is gone")


@pytest.mark.parametrize("text", ["an ordinary text", faulty_child.HANG], ids=["idle", "in mid-batch"])
async def test_child_is_gone_soon_after_its_workers_sigkill(tmp_path: Path, text: str) -> None:
    async with running(["-c", WORKER, text, faulty_child.__file__, str(tmp_path)]) as worker:
        child = int(await first_line(worker))
        await eventually(lambda: faulty_child.batches(tmp_path), what="the batch begins")
        worker.kill()
        await child_is_gone(child)


async def test_end_of_file_alone_ends_the_child_in_mid_batch(tmp_path: Path) -> None:
    """Its parent, this test, lives on; only the pipe says that nobody wants it."""
    async with running([faulty_child.__file__, str(tmp_path)], stdin=subprocess.PIPE) as child:
        assert child.stdin
        child.stdin.write(frame(encode_batch(1, [Item("principles", faulty_child.HANG)])))
        child.stdin.flush()
        await eventually(lambda: faulty_child.batches(tmp_path), what="the batch begins")
        child.stdin.close()
        await child_is_gone(child.pid)


async def test_the_parents_death_alone_ends_the_child() -> None:
    """This test holds the pipe's other end, so no end of file ever comes."""
    arguments = ["-c", GO_BETWEEN, *CONSTANT]
    async with running(arguments, stdin=subprocess.PIPE) as between:
        assert between.stdout
        assert (
            await asyncio.to_thread(between.stdout.read, 4) == b"VAI1"
        )  # Ready: it has asked for the signal
        (child,) = children_of(between.pid)
        between.kill()
        await child_is_gone(child)


async def test_child_whose_parent_died_before_it_could_ask_ends_at_once() -> None:
    """A parent that died early shows as another process in its place."""
    arguments = [*CONSTANT, "--parent", str(os.getpid() + 1)]
    async with running(arguments, stdin=subprocess.PIPE) as child:
        await child_is_gone(child.pid)


async def test_signals_meant_for_the_worker_do_not_end_the_child() -> None:
    """Ctrl-C and a supervisor's SIGTERM reach a whole group; a worker that drains still needs its child."""
    async with running(CONSTANT, stdin=subprocess.PIPE) as child:
        assert child.stdin
        assert isinstance(await said(child), Ready)
        child.send_signal(signal.SIGINT)
        child.send_signal(signal.SIGTERM)
        child.stdin.write(frame(encode_batch(1, [Item("principles", "x")])))
        child.stdin.flush()
        assert isinstance(await said(child), BatchResults)
        assert is_running(child.pid)


async def test_garbage_from_the_worker_ends_the_child() -> None:
    async with running(CONSTANT, stdin=subprocess.PIPE) as child:
        assert child.stdin
        child.stdin.write(b"GET / HTTP/1.1\r\n\r\n")
        child.stdin.flush()
        await child_is_gone(child.pid)
        assert child.wait() == 4
