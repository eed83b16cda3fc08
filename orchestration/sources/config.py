"""What `sources.yml` says: which databases and buckets landing tables come from."""

import os
import re
import stat
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    HttpUrl,
    TypeAdapter,
    ValidationError,
    field_validator,
)
from sqlalchemy import text
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError

from orchestration.faults import WrongSurroundings
from orchestration.landing.contract import landing_contract
from orchestration.landing.files import landing_years

FILE = "sources.yml"
YEAR = "fiscal_year"
IN_A_PREFIX = f"{{{YEAR}}}"
VARIABLE = re.compile(r"\$\{(\w+)\}")
# Names of what nobody else may know, in a URL's query or in what it hands to a driver.
SECRET = re.compile(r"(?i)pass|pwd|secret|token|credential")
SECRET_VALUE = re.compile(r"(?i)(pass\w*|pwd|secret|token)\s*=")
NO_SECRETS = (
    "secrets stand in no file: write ${NAME} in its place and set the variable NAME in the "
    "environment of jixiao"
)
NO_URL = "no SQLAlchemy URL; expected dialect+driver://user:${PASSWORD}@host:port/database"
YEARS = "expected fiscal years, as [2023, 2024], or {from: 2023}, with to: where it ends"
WORDS = {
    **dict.fromkeys(("model_type", "dict_type"), "expected names with their values"),
    "too_short": "is empty",
    "string_type": "expected text",
    "string_pattern_mismatch": "expected letters, digits, - and _ alone",
    "url_parsing": "expected an address such as https://storage.example:9000",
    "missing": "is missing",
    "extra_forbidden": "no such setting",
    "union_tag_not_found": "type is missing; expected database or s3",
    "union_tag_invalid": "type: expected database or s3",
}


class MissingVariables(Exception):
    """Variables of the environment that a source names and that are not set.

    Attributes:
        names: Theirs.
    """

    def __init__(self, names: list[str]) -> None:
        super().__init__(", ".join(names))
        self.names = names


class _Settings(BaseModel):
    # Faults are told without what was found, as that may be a secret.
    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


class YearsFrom(_Settings):
    """Every fiscal year from one on, up to another where that is named.

    Attributes:
        first: The first, `from` in the file.
        last: The last, `to` in the file.
    """

    first: Annotated[int, Field(alias="from", ge=1000, le=9999)]
    last: Annotated[int, Field(alias="to", ge=1000, le=9999)] = 9999


class _Source(_Settings):
    years: list[Annotated[int, Field(ge=1000, le=9999)]] | YearsFrom

    def is_for(self, year: int) -> bool:
        """Whether a fiscal year's tables come from it."""
        if isinstance(self.years, YearsFrom):
            return self.years.first <= year <= self.years.last
        return year in self.years


class Database(_Source):
    """A database.

    Attributes:
        url: Its SQLAlchemy URL, with `${NAME}` for secrets or as a whole.
        tables: A query for each landing table that comes from it.
    """

    type: Literal["database"]
    url: str
    tables: Annotated[dict[str, str], Field(min_length=1)]

    @field_validator("url")
    @classmethod
    def _without_secrets(cls, url: str) -> str:
        if VARIABLE.fullmatch(url):
            return url
        parsed = _parsed(url)
        if parsed is None:
            raise ValueError(NO_URL)
        secrets = [parsed.password or ""]
        for name, value in parsed.query.items():
            told = value if isinstance(value, str) else " ".join(value)
            if SECRET.search(name) or SECRET_VALUE.search(told):
                secrets.append(told)
        if any(secret and not VARIABLE.search(secret) for secret in secrets):
            raise ValueError(NO_SECRETS)
        return url

    @field_validator("tables")
    @classmethod
    def _queries(cls, tables: dict[str, str]) -> dict[str, str]:
        contract = landing_contract()
        for name, query in tables.items():
            if name not in contract:
                near = get_close_matches(name, contract, n=1)
                hint = f"did you mean {near[0]}? " if near else ""
                raise ValueError(
                    f"{name!r} is no table of the landing contract; {hint}expected one of "
                    f"{', '.join(contract)}"
                )
            if not query.strip("; \n"):
                raise ValueError(f"{name}: an empty query")
            if others := sorted({*text(query).compile().params} - {YEAR}):
                raise ValueError(
                    f"{name}: the query has the parameter :{others[0]}; there is :{YEAR} and no "
                    r"other, and a colon that begins none is written \:"
                )
        return {name: query.strip().rstrip("; \n") for name, query in tables.items()}

    def address(self) -> tuple[URL, list[str]]:
        """Its URL as the environment completes it, and what of it nobody may be told.

        Raises:
            MissingVariables: A variable is not set.
            WrongSurroundings: What a variable holds is no URL.
        """
        if whole := VARIABLE.fullmatch(self.url):
            found = _filled(self.url)
            url = _parsed(found)
            if url is None:
                raise WrongSurroundings(f"what the variable {whole[1]} holds is {NO_URL}")
            return url, [found, url.password or ""]
        url = make_url(self.url)
        missing = [name for name in VARIABLE.findall(self.url) if not os.environ.get(name)]
        if missing:
            raise MissingVariables(missing)
        query = {
            name: _filled(value) if isinstance(value, str) else tuple(map(_filled, value))
            for name, value in url.query.items()
        }
        parts: dict[str, Any] = {
            part: _filled(value)
            for part in ("username", "password", "host", "database")
            if (value := getattr(url, part))
        }
        secrets = [os.environ[name] for name in VARIABLE.findall(self.url)]
        return url.set(**parts, query=query), secrets


class Objects(_Source):
    """A bucket of S3-compatible storage.

    Attributes:
        endpoint: The server's address.
        bucket: The bucket.
        prefix: The folder of a fiscal year, with `{fiscal_year}`.
        access_key: `${NAME}` of the variable that has the access key.
        secret_key: The same of its secret.
        region: The region that requests are signed for.
        virtual_hosted: Whether the bucket is a part of the host's name, not of the path.
    """

    type: Literal["s3"]
    endpoint: HttpUrl
    bucket: Annotated[str, Field(min_length=1)]
    prefix: str
    access_key: str
    secret_key: str
    region: str = "us-east-1"
    virtual_hosted: bool = False

    @field_validator("access_key", "secret_key")
    @classmethod
    def _without_secrets(cls, key: str) -> str:
        if not VARIABLE.fullmatch(key):
            raise ValueError(NO_SECRETS)
        return key

    @field_validator("endpoint")
    @classmethod
    def _without_password(cls, endpoint: HttpUrl) -> HttpUrl:
        if endpoint.password or endpoint.username:
            raise ValueError(NO_SECRETS)
        return endpoint

    @field_validator("prefix")
    @classmethod
    def _of_a_year(cls, prefix: str) -> str:
        if IN_A_PREFIX not in prefix:
            raise ValueError(f"expected {IN_A_PREFIX} in it, the folder of a year")
        return prefix

    def keys(self) -> tuple[str, str]:
        """The access key and its secret, from the environment.

        Raises:
            MissingVariables: A variable is not set.
        """
        names = VARIABLE.findall(self.access_key + self.secret_key)
        if missing := [name for name in names if not os.environ.get(name)]:
            raise MissingVariables(missing)
        return _filled(self.access_key), _filled(self.secret_key)


Source = Database | Objects


class _File(_Settings):
    sources: Annotated[
        dict[
            Annotated[str, Field(pattern=r"^\w[\w-]{0,49}$")],
            Annotated[Source, Field(discriminator="type")],
        ],
        Field(min_length=1),
    ]


class _EachOnce(yaml.SafeLoader):
    """A reader of YAML that refuses what stands twice."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        names = [self.construct_object(key, deep=True) for key, _ in node.value]
        for (key, _), name in zip(node.value, names, strict=True):
            if names.count(name) > 1:
                raise yaml.MarkedYAMLError(
                    problem=f"{name!r} stands there twice", problem_mark=key.start_mark
                )
        return super().construct_mapping(node, deep)


def sources_file(landing: Path) -> Path:
    """Where the sources of a landing folder stand: JIXIAO_SOURCES, else `sources.yml` in it."""
    return Path(os.environ.get("JIXIAO_SOURCES") or landing / FILE)


def read(path: Path) -> dict[str, Source]:
    """The sources by name.

    Args:
        path: The file.

    Raises:
        WrongSurroundings: There is no such file, or it cannot be followed; a line for each fault.
    """
    try:
        content = path.read_text("utf-8")
        anybody = path.stat().st_mode & stat.S_IWOTH
    except FileNotFoundError:
        raise WrongSurroundings(
            f"{path}: no such file; it says which databases and buckets tables come from: "
            "docs/sources.md has one"
        ) from None
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "not in UTF-8"
        raise WrongSurroundings(f"{path}: cannot be read ({why}); correct it") from None
    if anybody:
        raise WrongSurroundings(
            f"{path}: anybody may write it, and so have queries run with jixiao's passwords; "
            f"chmod o-w {path}"
        )
    try:
        found = yaml.load(content, _EachOnce)  # noqa: S506
    except yaml.MarkedYAMLError as error:
        line = f" line {error.problem_mark.line + 1}" if error.problem_mark else ""
        raise WrongSurroundings(f"{path}{line}: {error.problem}; correct it") from None
    except yaml.YAMLError:
        raise WrongSurroundings(f"{path}: no YAML; correct it") from None
    try:
        return TypeAdapter(_File).validate_python(found).sources
    except ValidationError as error:
        faults = error.errors(include_url=False, include_input=False, include_context=False)
        raise WrongSurroundings(
            "\n".join(f"{path}{_told(of['type'], of['loc'], of['msg'])}" for of in faults)
        ) from None


def years(sources: dict[str, Source], landing: Path) -> list[int]:
    """The fiscal years to fetch where none is asked for.

    Those that a source names, and those of the landing folder that one is for.
    """
    named = {year for of in sources.values() if isinstance(of.years, list) for year in of.years}
    there = {y for y in landing_years(landing) if any(of.is_for(y) for of in sources.values())}
    return sorted(named | there)


def _told(kind: str, loc: tuple[int | str, ...], said: str) -> str:
    """Where a fault is and what it is."""
    kinds = {"database", "s3", "YearsFrom", "list[constrained-int]", "[key]"}
    place = " ".join(str(part) for part in loc[1:] if part not in kinds)
    if "years" in loc and kind != "missing":
        return f" {place.partition(' years')[0]} years: {YEARS}"
    why = WORDS.get(kind) or said.removeprefix("Value error, ")
    return f" {place}: {why}" if place else f": {why}; docs/sources.md has one"


def _filled(template: str) -> str:
    """A text with the variables that it names.

    Raises:
        MissingVariables: One is not set.
    """
    names = VARIABLE.findall(template)
    if missing := [name for name in names if not os.environ.get(name)]:
        raise MissingVariables(missing)
    return VARIABLE.sub(lambda found: os.environ[found[1]], template)


def _parsed(url: str) -> URL | None:
    try:
        return make_url(url)
    except (ArgumentError, ValueError):
        return None
