"""`veriaidpo publish`: send a file of sentences as a publishing service would."""

from __future__ import annotations

import asyncio
import os
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from cli.begin import begin
from cli.codec import codec_of
from cli.keys import signing_key
from cli.publish_output import JsonLinesOutput, TableOutput, outcome_code, problem_lines, summary
from cli.publish_run import Options, Outcome, publish_lines
from cli.request_lines import STANDARD_INPUT, read_lines
from cli.result_output import Format
from cli.settings import Settings
from connectors.kafka.broker import cluster_of
from connectors.kafka.fetched import read_whatever_comes
from connectors.publishing.client import VeriAIDPOClient
from schemas.claims.mint import SigningKey
from schemas.taxonomy import LANGUAGES, model_type


def publish(
    file: Annotated[Path, typer.Argument(help="A file of JSON lines, or - for standard input.")],
    tenant: Annotated[str, typer.Option(help="Whose sentences these are.")],
    model_type: Annotated[str, typer.Option(help="For lines that name none.")] = "principles",
    language: Annotated[str, typer.Option(help="For lines that name none: vi or en.")] = "vi",
    rate: Annotated[float | None, typer.Option(min=0.001, help="At most so many a second.")] = None,
    wait: Annotated[bool, typer.Option("--wait", help="Wait for the replies and print them.")] = False,
    deadline: Annotated[float, typer.Option(min=0.1, help="Seconds that a reply may take.")] = 30.0,
    output: Annotated[Format, typer.Option("--format", help="How to print answers.")] = Format.TABLE,
    client: Annotated[
        str | None, typer.Option(help="Replies come on veriaidpo.replies.NAME. Default: the key's issuer.")
    ] = None,
    in_flight: Annotated[int, typer.Option(min=1, max=10_000, help="Requests under way at once.")] = 200,
) -> None:
    """Publish every line {"text", "model_type"?, "language"?, "request_id"?} as a signed request.

    A malformed line is reported with its number and the rest goes on. Exit code 1 if any line failed.
    """
    settings = begin()
    read_whatever_comes()
    _check(model_type, language)
    if file != STANDARD_INPUT and not (file.is_file() and os.access(file, os.R_OK)):
        raise typer.BadParameter(f"{file} is no file that can be read", param_hint="FILE")
    options = Options(
        tenant_id=tenant,
        model_type=model_type,
        language=language,
        wait=wait,
        deadline_s=deadline,
        rate=rate,
        in_flight=in_flight,
    )
    key = signing_key(settings, "publisher")
    counts = asyncio.run(_run(settings, key, client, file, options, output))
    if counts.total() > counts["done"]:
        raise typer.Exit(1)


async def _run(
    settings: Settings, key: SigningKey, client_name: str | None, file: Path, options: Options, output: Format
) -> Counter[str]:
    kafka = cluster_of(settings.kafka, settings.home).client_options()
    servers = kafka.pop("bootstrap_servers")
    messages = Console(stderr=True, highlight=False, soft_wrap=True)
    answers = JsonLinesOutput(sys.stdout) if output is Format.JSONL else TableOutput(Console(highlight=False))
    counts: Counter[str] = Counter()
    began = time.monotonic()
    try:
        with _progress(messages) as progress:
            bar = progress.add_task("publishing", total=await asyncio.to_thread(_size, file), counted="")

            def report(outcome: Outcome, size: int) -> None:
                counts[outcome_code(outcome)] += 1
                answers.add(outcome)
                for line in problem_lines(outcome):
                    progress.console.print(line, markup=False)
                failed = counts.total() - counts["done"]
                progress.update(bar, advance=size, counted=f"{counts['done']} done, {failed} failed")

            client = VeriAIDPOClient(
                servers, key, client_name=client_name, codec=codec_of(settings), security=kafka
            )
            async with client:
                await publish_lines(client, read_lines(file), options, report)
    finally:
        answers.close()
    messages.print(summary(counts, waited=options.wait, elapsed_s=time.monotonic() - began))
    return counts


def _size(file: Path) -> int | None:
    return None if file == STANDARD_INPUT else file.stat().st_size


def _check(name: str, language: str) -> None:
    model_type(name)
    if language not in LANGUAGES:
        raise typer.BadParameter(f"use one of: {', '.join(LANGUAGES)}", param_hint="--language")


def _progress(console: Console) -> Progress:
    return Progress(
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.fields[counted]}"),
        TimeElapsedColumn(),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    )
