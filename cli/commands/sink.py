"""`veriaidpo sink`: keep every result in the database."""

from __future__ import annotations

import asyncio
import signal

import typer
import uvloop
from rich.console import Console

from cli.begin import begin
from cli.codec import codec_of
from cli.settings import Settings
from connectors.database.engine import Database, Role
from connectors.kafka.broker import cluster_of
from connectors.kafka.fetched import read_whatever_comes
from streams.delivery.quiet_logs import quieten
from streams.sink.sink import run_sink


def sink() -> None:
    """Store what is on veriaidpo.results, each result once; until SIGTERM, which finishes what is begun.

    Run as many as you like, up to the partitions of veriaidpo.results. While the database is away they wait.

    Exit codes: 0 stopped as asked, 2 a setting, the tables or a right is wrong, 70 an unexpected error.
    After 70 start it again: nothing was skipped.
    """
    settings = begin()
    quieten()
    read_whatever_comes()
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        code = runner.run(_run(settings))
    raise typer.Exit(code)


async def _run(settings: Settings) -> int:
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    console = Console(highlight=False, soft_wrap=True)
    async with Database(settings.database, settings.home, Role.SINK) as database:
        return await run_sink(
            kafka=cluster_of(settings.kafka, settings.home),
            database=database,
            settings=settings.sink,
            codec=codec_of(settings),
            production=settings.mode == "production",
            stop=stop,
            on_ready=console.print,
        )
