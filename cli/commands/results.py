"""`veriaidpo results`: read what workers have answered."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Annotated

import typer
from rich.cells import set_cell_size
from rich.console import Console

from cli.begin import begin
from cli.codec import codec_of
from cli.result_output import Format, cells, result_fields
from cli.settings import Settings
from connectors.kafka.broker import cluster_of
from connectors.kafka.fetched import read_whatever_comes
from connectors.publishing.results import read_results
from schemas.events import ClassificationResult
from schemas.taxonomy import model_type as known_model_type

WIDTHS = (18, 58, 34, 34, 10)
TIMES = ["%Y-%m-%d", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%dT%H:%M:%SZ"]


app = typer.Typer(help="Read what workers have answered.")


@app.callback(invoke_without_command=True)
def results(
    context: typer.Context,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on with results as they come.")] = False,
    new: Annotated[bool, typer.Option("--new", help="Leave out those that are there already.")] = False,
    tenant: Annotated[str | None, typer.Option(help="Only this tenant's.")] = None,
    model_type: Annotated[str | None, typer.Option(help="Only this model type's.")] = None,
    output: Annotated[Format, typer.Option("--format", help="How to print them.")] = Format.TABLE,
) -> None:
    """Print the results on veriaidpo.results: all that are there, then, with --follow, each as it comes.

    Texts are the normalised ones: company names are already out. Redelivered results are printed once.
    """
    if context.invoked_subcommand is not None:
        return
    settings = begin()
    read_whatever_comes()
    if model_type is not None:
        known_model_type(model_type)
    try:
        asyncio.run(
            _run(settings, follow=follow, new=new, tenant=tenant, model_type=model_type, output=output)
        )
    except KeyboardInterrupt:
        raise typer.Exit(0) from None


@app.command()
def search(
    tenant: Annotated[str, typer.Option(help="Whose results.")],
    since: Annotated[
        datetime | None, typer.Option(formats=TIMES, help="Asked at this time (UTC) or later.")
    ] = None,
    until: Annotated[datetime | None, typer.Option(formats=TIMES, help="Asked before this time.")] = None,
    model_type: Annotated[str | None, typer.Option(help="Only this model type's.")] = None,
    label: Annotated[str | None, typer.Option(help="Only this prediction, by its English name.")] = None,
    request_id: Annotated[str | None, typer.Option(help="Only this request's.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=1_000, help="The most on a page.")] = 50,
    cursor: Annotated[str | None, typer.Option(help="What the page before this one ended with.")] = None,
    everything: Annotated[bool, typer.Option("--all", help="Every page, one after the other.")] = False,
    output: Annotated[Format, typer.Option("--format", help="How to print them.")] = Format.TABLE,
) -> None:
    """Find stored results of one tenant, newest first: what `veriaidpo sink` keeps in the database."""
    from cli.stored_results import SearchOptions, print_found  # only here is the database's extra needed

    if model_type is not None:
        known_model_type(model_type)
    options = SearchOptions(
        tenant_id=tenant,
        since=since,
        until=until,
        model_type=model_type,
        label=label,
        request_id=request_id,
        limit=limit,
        cursor=cursor,
        everything=everything,
        output=output,
    )
    asyncio.run(print_found(begin(), options))


async def _run(
    settings: Settings,
    *,
    follow: bool,
    new: bool,
    tenant: str | None,
    model_type: str | None,
    output: Format,
) -> None:
    kafka = cluster_of(settings.kafka, settings.home).client_options()
    servers = kafka.pop("bootstrap_servers")
    show = _print_json if output is Format.JSONL else _row_printer()
    found = read_results(servers, follow=follow, only_new=new, codec=codec_of(settings), security=kafka)
    async for result in found:
        if tenant in (None, result.tenant_id) and model_type in (None, result.model_type):
            show(result)


def _print_json(result: ClassificationResult) -> None:
    sys.stdout.write(json.dumps(result_fields(result), ensure_ascii=False) + "\n")
    sys.stdout.flush()


def _row_printer() -> Callable[[ClassificationResult], None]:
    """Rows of fixed columns: a table that is drawn at its end would never end while following."""
    console = Console(highlight=False, soft_wrap=True)
    titles = [("model type", "text", "prediction", "nhãn", "confidence")]

    def show(result: ClassificationResult) -> None:
        while titles:
            console.print(_row(titles.pop()), style="bold")
        console.print(_row([cell.plain for cell in cells(result)]), markup=False)

    return show


def _row(columns: Sequence[str]) -> str:
    return " ".join(set_cell_size(text, width) for text, width in zip(columns, WIDTHS, strict=True)).rstrip()
