"""The inference child: `python -m streams.inference.child --engine onnx --store models/starter`.

Owns the models, so that whatever a model does (computes for seconds, leaks, crashes) the worker goes on
heartbeating. Batches come on stdin, outcomes go to stdout, log lines to stderr. It lives exactly as long as
its worker wants it: Ctrl-C and SIGTERM reach a whole process group, and a worker that drains still needs its
child, so both are ignored here; the worker closes the pipe, or dies.
"""

from __future__ import annotations

import argparse
import logging
import os
import queue
import signal
import sys
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import BinaryIO, Final, NoReturn

from streams.inference.frames import LinkClosed, LinkError, frame, read_frame
from streams.inference.messages import (
    BatchResults,
    ClassifyBatch,
    FromChild,
    Ready,
    Unusable,
    decode_batch,
    encode_from_child,
)
from streams.inference.parent_death import end_with_parent
from streams.inference.protocol import BATCHES_AT_ONCE, Engine, Item, ItemFailure, Outcome

EXIT_UNUSABLE: Final = 3
"""The engine couldn't be loaded; the worker was told why."""

EXIT_GARBAGE: Final = 4
"""What came over the pipe was no batch."""

NICENESS: Final = 10
"""Models take every core they get; whoever only hands records on comes first. Counts within a container."""

EXIT_FAILED: Final = 5
"""Something here that isn't an item's fault."""

log = logging.getLogger(__name__)


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line."""
    options = _options(arguments)
    return run_child(lambda: _load_engine(options), parent_pid=options.parent)


def run_child(load: Callable[[], Engine], *, parent_pid: int | None = None) -> int:
    """Load an engine and serve it on stdin and stdout until the worker closes them; the exit code."""
    end_with_parent(parent_pid)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    os.nice(NICENESS)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    link = _Link(*_claim_standard_streams())
    batches = link.read_in_background()
    try:
        engine = load()
    except Exception as error:
        log.exception("the engine can't be loaded")
        link.send(Unusable(str(getattr(error, "code", type(error).__name__))))
        return EXIT_UNUSABLE
    link.send(Ready(dict(engine.models), engine.max_tokens))
    for number in range(1, BATCHES_AT_ONCE):
        threading.Thread(
            target=_serve, args=(engine, batches, link), name=f"batches-{number}", daemon=True
        ).start()
    return _serve(engine, batches, link)


def _serve(engine: Engine, batches: queue.SimpleQueue[ClassifyBatch], link: _Link) -> NoReturn:
    """One batch after another, until the process ends."""
    try:
        while True:
            batch = batches.get()
            link.send(BatchResults(batch.batch_id, classify_each(engine, batch.items)))
    except BaseException:
        log.exception("the child fails")
        os._exit(EXIT_FAILED)  # with a thread less, its batches would wait for the worker's time limit


def classify_each(engine: Engine, items: Sequence[Item]) -> tuple[Outcome, ...]:
    """One outcome an item, whatever the engine raises: a batch that fails is halved, down to one item."""
    try:
        outcomes = tuple(engine.classify(items))
        if len(outcomes) != len(items):
            raise ValueError(f"{len(outcomes)} outcomes for {len(items)} items")
        return outcomes
    except Exception as error:
        if len(items) == 1:
            # The class alone: an exception's text may quote the item's.
            log.error("an item failed: %s", type(error).__name__)
            return (ItemFailure("INTERNAL", {"exception": type(error).__name__}),)
    middle = len(items) // 2
    return classify_each(engine, items[:middle]) + classify_each(engine, items[middle:])


class _Link:
    """The child's end of the pipe. Whatever ends it ends the process, at once and without clean-up."""

    def __init__(self, source: BinaryIO, sink: BinaryIO) -> None:
        self._source = source
        self._sink = sink
        self._sending = threading.Lock()
        self._batches: queue.SimpleQueue[ClassifyBatch] = queue.SimpleQueue()

    def read_in_background(self) -> queue.SimpleQueue[ClassifyBatch]:
        """Batches as they come. A thread of its own reads, so end of file is noticed in mid-batch too."""
        threading.Thread(target=self._read, name="link-reader", daemon=True).start()
        return self._batches

    def send(self, message: FromChild) -> None:
        data = frame(encode_from_child(message))
        try:
            with self._sending:
                self._sink.write(data)
                self._sink.flush()
        except OSError:
            os._exit(0)  # the worker is gone

    def _read(self) -> None:
        code = EXIT_GARBAGE
        try:
            while True:
                self._batches.put(decode_batch(read_frame(self._source)))
        except LinkClosed:
            code = 0
        except LinkError as error:
            log.error("the worker sent garbage: %s", error)
        except Exception:
            log.exception("the reader failed")
        finally:
            # Not sys.exit: the main thread may sit in native code for seconds, for a worker that is gone.
            os._exit(code)


def _claim_standard_streams() -> tuple[BinaryIO, BinaryIO]:
    """Stdin and stdout for frames alone: what else a library reads or prints goes elsewhere."""
    source = os.fdopen(os.dup(0), "rb")
    sink = os.fdopen(os.dup(1), "wb")
    with open(os.devnull, "rb") as nothing:
        os.dup2(nothing.fileno(), 0)
    os.dup2(2, 1)
    return source, sink


def _load_engine(options: argparse.Namespace) -> Engine:
    # Imported only where they are needed: the constant engine starts without ONNX Runtime.
    if options.engine == "constant":
        from streams.inference.constant import ConstantEngine

        return ConstantEngine()
    os.environ.setdefault("RAYON_NUM_THREADS", str(options.threads))  # the tokenizer's own threads
    from connectors.model_store import ModelStore
    from streams.inference.engine import OnnxEngine

    store = ModelStore(options.store)
    store.verify()
    return OnnxEngine(store, options.threads)


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="streams.inference.child")
    parser.add_argument("--engine", choices=["onnx", "constant"], default="onnx")
    parser.add_argument("--store", type=Path, default=Path("models/starter"))
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--parent", type=int, help="exit where this isn't the parent's process id any more")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
