"""What a file really is, whatever its name says."""

import zipfile
from mmap import ACCESS_READ, mmap
from pathlib import Path

SAVE_AS_XLSX = "open it and save it as .xlsx"
SAVE_AS_CSV = "open it and save it as CSV UTF-8"
OLE, PROTECTED = bytes.fromhex("d0cf11e0a1b11ae1"), "EncryptedPackage".encode("utf-16-le")
HEAD = 4096
ZIP, GZIP, PARQUET = b"PK\x03\x04", b"\x1f\x8b", b"PAR1"
MARKUP = (b"<html", b"<!doctype html", b"<table", b"<meta", b"<head")
XML_WORKBOOK = b"urn:schemas-microsoft-com:office:spreadsheet"


def real_format(file: Path | bytes) -> str:
    """What a file is that cannot be read as its name says, and what to do.

    Args:
        file: The file, or how it begins.

    Returns:
        A sentence about the file; empty where nothing is known of it.
    """
    head = file if isinstance(file, bytes) else _head(file)
    name = "" if isinstance(file, bytes) else file.name.lower()
    start = head.lstrip(b"\xef\xbb\xbf \t\r\n")[:HEAD].lower()
    if head.startswith(OLE):
        return _of_ole(file)
    if head.startswith(ZIP):
        return _of_zip(file, name)
    if head.startswith(GZIP) and not name.endswith(".gz"):
        return "is compressed by gzip; name it .csv.gz"
    if head.startswith(PARQUET) and not name.endswith(".parquet"):
        return "is a Parquet file; name it .parquet"
    if head.startswith((b"Rar!", b"7z\xbc\xaf")):
        return "is an archive; unpack it and deliver what is in it"
    if head.startswith(b"%PDF"):
        return "is a PDF; deliver the table itself"
    if start.startswith(MARKUP) or (start.startswith(b"<?xml") and b"<html" in start):
        return f"is a web page that was named a table; {SAVE_AS_XLSX}"
    if start.startswith(b"<?xml") and XML_WORKBOOK in start:
        return f"is an XML table; {SAVE_AS_XLSX}"
    if head.startswith((b"\xff\xfe", b"\xfe\xff")) or _alternates(head[:HEAD]):
        return f"is 'Unicode text' (UTF-16); {SAVE_AS_CSV}"
    return ""


def _head(path: Path) -> bytes:
    try:
        with path.open("rb") as stream:
            return stream.read(HEAD)
    except OSError:
        return b""


def _of_ole(file: Path | bytes) -> str:
    """What programs before .xlsx wrote, and a workbook with a password in one."""
    if isinstance(file, bytes):
        return f"is an .xls or .et workbook, or one with a password; {SAVE_AS_XLSX}, without one"
    with file.open("rb") as stream, mmap(stream.fileno(), 0, access=ACCESS_READ) as content:
        is_protected = content.find(PROTECTED) >= 0
    if is_protected:
        return "is protected by a password; save it without one"
    return f"is an .xls or .et workbook; {SAVE_AS_XLSX}"


def _of_zip(file: Path | bytes, name: str) -> str:
    head = file if isinstance(file, bytes) else b""
    names: list[str] = []
    if isinstance(file, Path):
        try:
            with zipfile.ZipFile(file) as archive:
                names = archive.namelist()
        except (OSError, zipfile.BadZipFile):
            return "is damaged or cut off; save it again in its program, and deliver it whole"
    if name.endswith(".xlsx") and any(n.lower().lstrip("/").startswith("xl") for n in names):
        return ""
    if b"[Content_Types].xml" in head or b"xl/" in head or any(n.startswith("xl/") for n in names):
        return "is an .xlsx workbook; name it .xlsx"
    if b"opendocument.spreadsheet" in head or "META-INF/manifest.xml" in names:
        return f"is an .ods workbook; {SAVE_AS_XLSX}"
    return "is a zip archive; unpack it and deliver what is in it"


def _alternates(text: bytes) -> bool:
    """Whether every other byte is zero, as in UTF-16 without its mark."""
    even, odd = text[::2].count(0), text[1::2].count(0)
    return max(even, odd) * 4 > len(text) and min(even, odd) * 8 < max(even, odd)
