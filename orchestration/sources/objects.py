"""The objects of a bucket of S3-compatible storage, landed as the very files that they are."""

import re
from dataclasses import dataclass
from datetime import UTC
from pathlib import Path
from typing import Any

import obstore
from obstore.exceptions import BaseError
from obstore.store import S3Store

from orchestration.faults import LandingRefused, WrongSurroundings, in_a_line
from orchestration.landing.files import UNSEEN
from orchestration.landing.origins import Origin
from orchestration.sources.config import IN_A_PREFIX, Objects

CHUNK = 1 << 20
SAID = re.compile(r"<Code>(.*?)</Code>(?:.*?<Message>(.*?)</Message>)?", re.DOTALL)


@dataclass(frozen=True)
class Found:
    """An object that delivers a file.

    Attributes:
        name: Its key below the prefix: the file's path below the year's folder.
        key: Its whole key.
        etag: What changes when its content does.
        last_modified: When it was put there, in UTC.
    """

    name: str
    key: str
    etag: str
    last_modified: str


class Bucket:
    """A bucket to list and to take objects from."""

    def __init__(self, source: Objects) -> None:
        access_key, secret_key = source.keys()
        endpoint = str(source.endpoint).rstrip("/")
        if source.virtual_hosted:
            scheme, _, host = endpoint.partition("://")
            endpoint = f"{scheme}://{source.bucket}.{host}"
        self._source = source
        self._endpoint = str(source.endpoint).rstrip("/")
        self._store = S3Store(
            source.bucket,
            endpoint=endpoint,
            access_key_id=access_key,
            secret_access_key=secret_key,
            region=source.region,
            virtual_hosted_style_request=source.virtual_hosted,
            client_options={
                "allow_http": source.endpoint.scheme == "http",
                "connect_timeout": "15s",
                "timeout": "300s",
            },
            retry_config={"max_retries": 2},
        )

    @property
    def _told(self) -> str:
        return f"bucket {self._source.bucket} at {self._endpoint}"

    def find(self, year: int) -> list[Found]:
        """The objects of a fiscal year, by key. Hidden ones are passed over, as of a folder.

        Raises:
            LandingRefused: There is none, or one has no place in a year's folder.
            WrongSurroundings: The bucket cannot be listed.
        """
        prefix = self._source.prefix.replace(IN_A_PREFIX, str(year)).strip("/") + "/"
        try:
            pages = obstore.list(self._store, prefix)
            listed = sorted((meta for page in pages for meta in page), key=lambda m: m["path"])
        except (BaseError, OSError) as error:
            raise WrongSurroundings(
                f"{self._told}: cannot be listed ({_said(error)}); check the endpoint, the bucket "
                "and the variables of its keys"
            ) from None
        found: list[Found] = []
        reasons: list[str] = []
        for meta in listed:
            key = meta["path"]
            name = key.removeprefix(prefix)
            parts = name.split("/")
            if not name or any(p.startswith((".", "~$")) or p.lower() in UNSEEN for p in parts):
                continue
            if len(parts) > 2 or not name.isprintable() or not all(parts) or "\\" in name:
                reasons.append(
                    f"{self._told} object {key!r}: no place in the landing folder; expected "
                    f"{prefix}<table>.csv or {prefix}<table>/<file>.csv, or .csv.gz, .parquet, "
                    ".xlsx"
                )
                continue
            modified = meta["last_modified"].astimezone(UTC)
            found.append(Found(name, key, meta["e_tag"] or "", f"{modified:%Y-%m-%d %H:%M:%S} UTC"))
        if not found and not reasons:
            reasons.append(
                f"{self._told}: no object whose key begins with {prefix}; expected the year's files"
            )
        if reasons:
            raise LandingRefused(reasons)
        return found

    def facts(self, found: Found, version: str | None) -> dict[str, str]:
        """What is kept of an object as the origin of its file."""
        return {
            "endpoint": self._endpoint,
            "bucket": self._source.bucket,
            "key": found.key,
            **({"version": version} if version else {}),
            "etag": found.etag,
            "last_modified": found.last_modified,
        }

    def is_as(self, found: Found, origin: Origin) -> bool:
        """Whether an object is the one that a file was fetched from before."""
        now = self.facts(found, origin.facts.get("version"))
        return all(origin.facts.get(name) == value for name, value in now.items())

    def take(self, found: Found, target: Path) -> dict[str, str]:
        """Copy an object into a file.

        Returns:
            The facts of its origin.

        Raises:
            WrongSurroundings: It cannot be read.
            LandingRefused: It was replaced after it was listed.
        """
        try:
            options: Any = {"if_match": found.etag} if found.etag else {}
            got = obstore.get(self._store, found.key, options=options)
            with target.open("wb") as stream:
                for chunk in got.stream(min_chunk_size=CHUNK):
                    stream.write(chunk)
        except (obstore.exceptions.PreconditionError, FileNotFoundError):
            raise LandingRefused(
                [f"{self._told} object {found.key}: replaced while it was fetched; fetch again"]
            ) from None
        except BaseError as error:
            raise WrongSurroundings(
                f"{self._told} object {found.key}: cannot be read ({_said(error)}); check the "
                "permissions of its keys"
            ) from None
        return self.facts(found, got.meta["version"])


def _said(error: Exception) -> str:
    """What a server says, in one line, without what the client adds."""
    said = str(error).split("Debug source")[0]
    if found := SAID.search(said):
        return ", ".join(filter(None, (part and " ".join(part.split()) for part in found.groups())))
    return in_a_line(Exception(said.rpartition(" - ")[2] or said))
