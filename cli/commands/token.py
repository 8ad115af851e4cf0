"""`veriaidpo token`: a caller's bearer token for development."""

from __future__ import annotations

from typing import Annotated

import typer

from cli.begin import begin
from cli.keys import TOKEN_LIFETIME_S, development_token, require_development
from cli.roles import ROLES

MAX_LIFETIME_S = 30 * 24 * 3600


def token(
    role: Annotated[str, typer.Option(help=f"One of: {', '.join(ROLES)}.")],
    tenant: Annotated[str, typer.Option(help="Whose texts the caller may send.")],
    expires: Annotated[
        int, typer.Option(min=1, max=MAX_LIFETIME_S, help="Seconds from now.")
    ] = TOKEN_LIFETIME_S,
) -> None:
    """Print a bearer token for the bridge, signed with this installation's secret. Development mode only."""
    settings = begin()
    require_development(settings, "veriaidpo token")
    if role not in ROLES:
        raise typer.BadParameter(f"use one of: {', '.join(ROLES)}", param_hint="--role")
    typer.echo(development_token(settings, role=role, tenant_id=tenant, lifetime_s=expires))
