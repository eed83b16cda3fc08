"""Sending an alert to a webhook: plain JSON, 企业微信, 钉钉, or as a template of one's own says."""

import base64
import hashlib
import hmac
import json
import os
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from urllib.parse import quote_plus

from jinja2 import Environment, StrictUndefined, TemplateError

from orchestration.faults import WrongSurroundings

URL, FORM, SECRET = "JIXIAO_WEBHOOK", "JIXIAO_WEBHOOK_FORM", "JIXIAO_WEBHOOK_SECRET"
FORMS = Path(__file__).parent / "forms"
TIMEOUT = 10
# What 企业微信 takes of a text, in bytes.
LIMIT = 2048


@dataclass(frozen=True)
class Alert:
    """What is told of a topic.

    Attributes:
        kind: refused, incomplete, out_of_date, missing or not_fetched.
        fiscal_year: The fiscal year; none where it is about no year.
        text: The alert in a few lines; the first says what it is about.
        lines: What a person has to do, a line for each.
    """

    kind: str
    fiscal_year: int | None
    text: str
    lines: list[str]


class NotSent(Exception):
    """The webhook has not taken an alert; the message never has its address, which is a secret."""


def is_wanted() -> bool:
    """Whether JIXIAO_WEBHOOK names a webhook."""
    return bool(os.environ.get(URL))


def check() -> None:
    """See that an alert could be sent.

    Raises:
        WrongSurroundings: The address is none, or there is no such form.
    """
    url = os.environ.get(URL) or ""
    if url and not url.startswith(("https://", "http://")):
        raise WrongSurroundings(f"{URL}: expected an address that begins with https://; correct it")
    _template()


def _template() -> str:
    name = os.environ.get(FORM) or "json"
    path = FORMS / f"{name}.jinja" if "/" not in name else Path(name)
    try:
        return path.read_text("utf-8")
    except (OSError, ValueError):
        known = ", ".join(sorted(form.stem for form in FORMS.glob("*.jinja")))
        raise WrongSurroundings(
            f"{FORM}={name}: expected one of {known}, or the path of a template; correct it, or "
            "unset it"
        ) from None


def body(alert: Alert) -> bytes:
    """What is sent of an alert.

    Raises:
        WrongSurroundings: The template gives no JSON.
    """
    environment = Environment(undefined=StrictUndefined, autoescape=False)  # noqa: S701
    # As JSON in the template, so that nothing of the data can end it.
    environment.filters["json"] = lambda value: json.dumps(value, ensure_ascii=False)
    try:
        text = environment.from_string(_template()).render(asdict(alert), cut=_cut)
        json.loads(text)
    except (TemplateError, ValueError) as error:
        name = os.environ.get(FORM) or "json"
        raise WrongSurroundings(f"{FORM}={name}: the template gives no JSON ({error})") from None
    return text.encode()


def _cut(text: str, size: int = LIMIT) -> str:
    """The first bytes of a text, as whole characters."""
    if len(text.encode()) <= size:
        return text
    return text.encode()[: size - 3].decode(errors="ignore") + "…"


def send(alert: Alert) -> None:
    """Send an alert.

    Args:
        alert: The alert.

    Raises:
        NotSent: The webhook has not taken it.
    """
    # Takes a tenth of a second to import.
    import requests

    try:
        answer = requests.post(
            _signed(os.environ[URL]),
            data=body(alert),
            headers={"Content-Type": "application/json; charset=utf-8"},
            timeout=TIMEOUT,
            allow_redirects=False,
        )
    except (requests.RequestException, ValueError) as error:
        # Its message has the address.
        raise NotSent(f"{URL}: no answer ({type(error).__name__})") from None
    if not 200 <= answer.status_code < 300:
        raise NotSent(f"{URL}: answered {answer.status_code}")
    # 企业微信 and 钉钉 answer 200 to what they do not take.
    try:
        code = answer.json().get("errcode", 0)
    except (ValueError, AttributeError):
        code = 0
    if code:
        raise NotSent(f"{URL}: answered errcode {code}")


def _signed(url: str) -> str:
    """The address with the signature that 钉钉 asks for (加签), where there is a secret."""
    secret = os.environ.get(SECRET)
    if not secret:
        return url
    stamp = str(round(time.time() * 1000))
    digest = hmac.digest(secret.encode(), f"{stamp}\n{secret}".encode(), hashlib.sha256)
    sign = quote_plus(base64.b64encode(digest))
    return f"{url}{'&' if '?' in url else '?'}timestamp={stamp}&sign={sign}"
