"""`veriaidpo worker`: classify the requests of some model types."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import sys
import threading
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
import uvloop
from rich.console import Console

from cli.begin import begin
from cli.codec import codec_of
from cli.keys import issuers_file
from cli.settings import Settings
from connectors.kafka.broker import cluster_of
from schemas.taxonomy import MODEL_TYPES, model_type
from streams.delivery.exit_codes import EX_OK
from streams.delivery.quiet_logs import quieten
from streams.inference.spawn import ChildCommand, constant_child, onnx_child
from streams.settings import WorkerSettings
from streams.worker import run_worker

ALL = "all"


class Engine(StrEnum):
    ONNX = "onnx"
    CONSTANT = "constant"


def worker(
    models: Annotated[
        str, typer.Option(help="Which model types to serve: 'all', or names with commas between.")
    ] = ALL,
    models_dir: Annotated[
        Path | None, typer.Option(exists=True, file_okay=False, help="A converted model set.")
    ] = None,
    metrics_port: Annotated[
        int | None, typer.Option(min=0, max=65_535, help="Serve GET /metrics there; 0 takes a free port.")
    ] = None,
    engine: Annotated[Engine, typer.Option(hidden=True, help="'constant' measures all but the models.")] = (
        Engine.ONNX
    ),
) -> None:
    """Take requests from Kafka, classify them, and send results; until SIGTERM, which finishes what is begun.

    Exit codes: 0 stopped as asked, 2 a setting or topic is wrong, 70 an unexpected error, 75 no progress.
    After 70 and 75 start it again: nothing was skipped.
    """
    settings = begin()
    quieten()
    told = settings.worker
    if metrics_port is not None:
        told = told.model_copy(update={"metrics_port": metrics_port})
    served = (
        list(MODEL_TYPES) if models == ALL else [model_type(name.strip()).name for name in models.split(",")]
    )
    child = (
        constant_child()
        if engine is Engine.CONSTANT
        else onnx_child(models_dir or settings.models_dir, told.threads)
    )
    uvloop.install()  # Faust's consumers have loops of their own, in threads
    with asyncio.Runner() as runner:
        code = runner.run(_run(settings, told, list(dict.fromkeys(served)), child))
    _exit(code)


async def _run(settings: Settings, told: WorkerSettings, served: list[str], child: ChildCommand) -> int:
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    console = Console(highlight=False, soft_wrap=True)
    return await run_worker(
        served,
        kafka=cluster_of(settings.kafka, settings.home),
        settings=told,
        issuers_file=issuers_file(settings),
        engine=child,
        data_dir=told.data_dir or settings.home / "faust",
        codec=codec_of(settings),
        stop=stop,
        on_ready=console.print,
    )


def _exit(code: int) -> None:
    """Leave now. A consumer's thread that hangs would keep a process without work alive for good."""
    stuck = [thread.name for thread in threading.enumerate() if thread is not threading.main_thread()]
    if code != EX_OK or stuck:
        sys.stdout.flush()
        sys.stderr.flush()
        logging.shutdown()
        os._exit(code)
