"""How many companies' names are hidden from the models, and since when: what /health tells of them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from importlib import resources

from connectors.companies import CompanyRegistry


@dataclass(frozen=True)
class CompanyList:
    """The size and age of a company list."""

    total: int
    last_modified: datetime


def installed_company_list() -> CompanyList:
    """The list that ships with the project, the one workers normalise with."""
    with resources.as_file(resources.files("connectors").joinpath("data/companies.json")) as path:
        modified = datetime.fromtimestamp(path.stat().st_mtime, UTC)
    return CompanyList(total=len(CompanyRegistry.load_seed()), last_modified=modified)
