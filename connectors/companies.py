"""The companies whose names are hidden from the models.

The models were trained on `[COMPANY]` where a sentence named the organisation that processes the data;
`streams.normalisation` puts it there again. `data/companies.json` is the seed: organisations known
throughout Vietnam, each with the short names that people write.

What a seed alias must not be: an ordinary word or phrase ("giao hàng nhanh", "con cưng", "prudential"),
or a name that is the answer itself. Channels and foreign services through which data travels (Zalo,
Google Cloud) decide `cross_border`, hospitals and markets named after their city decide `regional`:
the training sentences kept both, so the seed leaves them out.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from importlib import resources
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator


@dataclass(frozen=True, slots=True)
class Company:
    """An organisation; name, aliases and tickers are matched, the name is what results report.

    Spellings without diacritics needn't be listed. `common` are those of them that are ordinary words too:
    they count in their own case or in their context only.
    """

    id: str
    name: str
    aliases: tuple[str, ...] = ()
    industry: str = ""
    region: str = ""
    """Where its head office is: north, central or south."""
    tickers: tuple[str, ...] = ()
    common: tuple[str, ...] = ()


class CompanyRegistry:
    """Companies in the order in which they were listed; ids are unique."""

    def __init__(self, companies: Iterable[Company]) -> None:
        self._by_id: dict[str, Company] = {}
        for company in companies:
            if company.id in self._by_id:
                raise ValueError(f"company id {company.id!r} is listed twice")
            self._by_id[company.id] = company

    @classmethod
    def load_seed(cls) -> CompanyRegistry:
        """The companies that ship with the project."""
        seed = resources.files("connectors").joinpath("data/companies.json").read_bytes()
        return cls(read_companies(seed))

    def __iter__(self) -> Iterator[Company]:
        return iter(self._by_id.values())

    def __len__(self) -> int:
        return len(self._by_id)

    def __getitem__(self, company_id: str) -> Company:
        return self._by_id[company_id]


def read_companies(file: bytes) -> list[Company]:
    """The companies of a JSON file like the seed's; ValueError says what is wrong with it."""
    return [entry.company() for entry in _CompanyFile.model_validate_json(file).companies]


CompanyName = Annotated[str, Field(min_length=2, max_length=200)]
Ticker = Annotated[str, Field(pattern=r"^[A-Z0-9]{3}$")]


class _CompanyEntry(BaseModel):
    model_config = ConfigDict(extra="forbid")

    id: str = Field(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$")
    name: CompanyName
    aliases: tuple[CompanyName, ...] = ()
    industry: str
    region: Literal["north", "central", "south"]
    tickers: tuple[Ticker, ...] = ()
    common: tuple[CompanyName, ...] = ()

    @model_validator(mode="after")
    def _common_are_listed(self) -> Self:
        if unlisted := {*self.common} - {self.name, *self.aliases, *self.tickers}:
            raise ValueError(f"common words that aren't listed: {', '.join(sorted(unlisted))}")
        return self

    def company(self) -> Company:
        return Company(**self.model_dump())


class _CompanyFile(BaseModel):
    model_config = ConfigDict(extra="forbid")

    companies: tuple[_CompanyEntry, ...]
