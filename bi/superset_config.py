"""Settings of the Superset that `make superset` starts: local, quiet, read-only, in Chinese.

Superset reads them as it starts; bi/serve.py says where.
"""

import json
import os
from importlib.resources import files
from pathlib import Path
from typing import Any

PROJECT = Path(__file__).resolve().parent.parent
HOME = Path(os.environ.get("SUPERSET_HOME") or PROJECT / ".superset")
WAREHOUSE = Path(os.environ.get("JIXIAO_WAREHOUSE") or PROJECT / "warehouse").absolute()

SECRET_KEY = (HOME / "secret_key").read_text("ascii")
SQLALCHEMY_DATABASE_URI = f"sqlite:///{HOME}/superset.db?check_same_thread=false"

# No example data, and no address but this one's in a page: no pixel that counts users, no map.
LOAD_EXAMPLES = False
TALISMAN_CONFIG = {
    "content_security_policy": {
        "base-uri": ["'self'"],
        "default-src": ["'self'"],
        "img-src": ["'self'", "blob:", "data:"],
        "worker-src": ["'self'", "blob:"],
        "connect-src": ["'self'"],
        "object-src": "'none'",
        "style-src": ["'self'", "'unsafe-inline'"],
        "font-src": ["'self'"],
        "script-src": ["'self'", "'strict-dynamic'"],
    },
    "content_security_policy_nonce_in": ["script-src"],
    "force_https": False,
    "session_cookie_secure": False,
}

APP_NAME = "绩效"
BABEL_DEFAULT_LOCALE = "zh"
LANGUAGES = {
    "zh": {"flag": "cn", "name": "中文"},
    "en": {"flag": "us", "name": "English"},
}
# A notice for developers of Superset, on each start.
SILENCE_FAB = True


def DB_CONNECTION_MUTATOR(  # noqa: N802, Superset's name
    uri: Any, parameters: dict[str, Any], *_: Any
) -> tuple[Any, dict[str, Any]]:
    """Open the publication of this moment, for reading, and no other file.

    Superset connects anew for each query. The name is that in the publication's own folder, and not
    through the link: DuckDB shares in a process what it has open under a name.

    Args:
        uri: Address of the connection; its database is `warehouse/published/scores.duckdb`.
        parameters: What SQLAlchemy makes the engine with.

    Returns:
        Both, for the file in the publication's own folder.
    """
    if uri.get_backend_name() != "duckdb":
        return uri, parameters
    file = (WAREHOUSE / "published").resolve() / "scores.duckdb"
    own = {
        # A query may read the publication, and neither files of this machine nor other machines.
        "enable_external_access": False,
        "autoinstall_known_extensions": False,
        "lock_configuration": True,
    }
    arguments = {**parameters.get("connect_args", {})}
    arguments["config"] = {**arguments.get("config", {}), **own}
    found = uri.set(database=str(file), query={"access_mode": "read_only"})
    return found, {**parameters, "connect_args": arguments}


# Each page of Superset has a picture of a company that counts its users: of another address, which
# no setting takes out. This one is of no address, and empty.
PIXEL = b"https://apachesuperset.gateway.scarf.sh/pixel/"
EMPTY = b"data:image/gif;base64,R0lGODlhAQABAAAAACwAAAAAAQABAAA=#"
# Its Chinese calls the rows of a table faults (异常), and the entries of a page series (序列).
CHINESE = {
    "%s record": "%s 条",
    "entries": "条",
    "entries per page": "条",
    "Filters and controls": "筛选",
}


def mended() -> dict[str, tuple[bytes, str]]:
    """The files of Superset that are served otherwise than it has them, with their type.

    Returns:
        By the path that a browser asks for: the scripts without the picture, and the Chinese.
    """
    package = Path(str(files("superset")))
    served = {
        f"/static/assets/{path.name}": (content.replace(PIXEL, EMPTY), "text/javascript")
        for path in (package / "static" / "assets").glob("*.js")
        if PIXEL in (content := path.read_bytes())
    }
    words = json.loads((package / "translations/zh/LC_MESSAGES/messages.json").read_bytes())
    words["locale_data"]["superset"] |= {said: [chinese] for said, chinese in CHINESE.items()}
    served["/superset/language_pack/zh/"] = (json.dumps(words).encode(), "application/json")
    return served


# Superset lays a page out for a desk. A phone gets the same charts below each other, at its width.
DESK, PHONE = "/superset/dashboard/jixiao/", "/superset/dashboard/jixiao-phone/"
HEAD = (
    f'{{% if request.path == "{PHONE}" %}}'
    '<meta name="viewport" content="width=device-width, initial-scale=1">'
    "{% endif %}"
)


def FLASK_APP_MUTATOR(app: Any) -> None:  # noqa: N802, Superset's name
    """Serve what is mended in the place of what Superset has, and phones their page."""
    from flask import Response, redirect, request
    from jinja2 import ChoiceLoader, DictLoader

    served = mended()
    app.jinja_loader = ChoiceLoader(
        [DictLoader({"head_custom_extra.html": HEAD}), app.jinja_loader]
    )

    @app.before_request
    def answer() -> Any:
        if request.path in served:
            content, kind = served[request.path]
            return Response(content, mimetype=kind, headers={"Cache-Control": "max-age=3600"})
        if request.path == DESK and "Mobi" in request.headers.get("User-Agent", ""):
            return redirect(f"{PHONE}?standalone=2")
        return None
