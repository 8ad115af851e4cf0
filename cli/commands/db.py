"""`veriaidpo db`: make the database's tables, change them, and say how long results stay."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Annotated, TypeVar

import typer
from rich.console import Console

from cli.begin import begin
from connectors.database import migrate
from connectors.database.engine import Database, Role
from connectors.database.retention import read_retention, set_retention
from schemas.errors import ConfigurationError

T = TypeVar("T")

app = typer.Typer(
    help="Make the database's tables, change them, and say how long results stay.", no_args_is_help=True
)


@app.command()
def upgrade(
    revision: Annotated[str, typer.Argument(help="A revision, or the newest.")] = "head",
) -> None:
    """Make the tables, or bring them to this version; changes nothing that is right already."""
    _show(_with_owner(lambda owner: migrate.upgrade(owner, revision)))


@app.command()
def downgrade(
    revision: Annotated[str, typer.Argument(help="The revision to go back to; 'base' drops every table.")],
    yes: Annotated[bool, typer.Option("--yes", help="Do it: what later revisions made is dropped.")] = False,
) -> None:
    """Go back to an earlier revision. Tables that it doesn't have are dropped, with all that is in them."""
    if not yes:
        raise ConfigurationError(
            setting="--yes", reason=f"going back to {revision} drops tables with all results in them"
        )
    _show(_with_owner(lambda owner: migrate.downgrade(owner, revision)))


@app.command()
def current() -> None:
    """Show the revision of the tables, and the one that this version needs."""
    _show(_with_owner(migrate.current))


@app.command()
def retention(
    months: Annotated[
        int | None, typer.Option(min=1, help="Keep results of this month and of so many before it.")
    ] = None,
    for_good: Annotated[
        bool, typer.Option("--for-good", help="Keep results until they are deleted.")
    ] = False,
) -> None:
    """Show how long results are kept, or set it. The sink drops what is older, once an hour."""

    async def run(owner: Database) -> int | None:
        await migrate.prepare(owner, production=False)
        if months is not None or for_good:
            await set_retention(owner, months)
        return await read_retention(owner)

    kept = _with_owner(run)
    console = Console(highlight=False)
    if kept is None:
        console.print("Results are kept for good.")
    else:
        console.print(f"Results of this month and of the {kept} before it are kept.")


def _with_owner(run: Callable[[Database], Awaitable[T]]) -> T:
    settings = begin()

    async def connected() -> T:
        async with Database(settings.database, settings.home, Role.OWNER) as owner:
            return await run(owner)

    return asyncio.run(connected())


def _show(revision: str | None) -> None:
    newest = migrate.newest()
    where = f"The tables are at revision {revision}." if revision else "There are no tables of ours."
    then = "" if revision == newest else f" This version needs {newest}: run 'veriaidpo db upgrade'."
    Console(highlight=False, soft_wrap=True).print(where + then)
