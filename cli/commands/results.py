"""`veriaidpo results`: read what workers have answered."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Callable, Sequence
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


def results(
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on with results as they come.")] = False,
    new: Annotated[bool, typer.Option("--new", help="Leave out those that are there already.")] = False,
    tenant: Annotated[str | None, typer.Option(help="Only this tenant's.")] = None,
    model_type: Annotated[str | None, typer.Option(help="Only this model type's.")] = None,
    output: Annotated[Format, typer.Option("--format", help="How to print them.")] = Format.TABLE,
) -> None:
    """Print the results on veriaidpo.results: all that are there, then, with --follow, each as it comes.

    Texts are the normalised ones: company names are already out. Redelivered results are printed once.
    """
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
