"""The chat page: a fixed table of files, read through this module's own loader.

The loader is zipimport inside the executable and the file system in a checkout; both
have `get_data`. Only names of the table are served, so no path from outside is ever used.
"""

import hashlib
from functools import lru_cache, partial
from pathlib import Path

import msgspec
from aiohttp import web
from aiohttp.typedefs import Handler

from runtime.server.problem import not_found

HTML = "text/html; charset=utf-8"
CSS = "text/css; charset=utf-8"
SCRIPT = "text/javascript; charset=utf-8"
SVG = "image/svg+xml"

HOME = "/"
SCRIPTS = (
    "answer api app attach chat early highlight i18n inline kept life markdown meter notebook panel pdf request schema "
    "settings shortcuts sidebar store theme tools transfer tree turns view words"
).split()
FILES = {
    HOME: ("index.html", HTML),
    "/style.css": ("style.css", CSS),
    "/icon.svg": ("icon.svg", SVG),
    **{f"/{name}.js": (f"{name}.js", SCRIPT) for name in SCRIPTS},
}

# The page's own scripts and nothing else: no inline code, no other server, no frames, no forms,
# and no string ever becomes markup (Trusted Types, with no policy that could be asked for it).
POLICY = "; ".join(
    [
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' data:",
        "connect-src 'self'",
        "manifest-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
        "require-trusted-types-for 'script'",
        "trusted-types 'none'",
    ]
)


class Asset(msgspec.Struct, frozen=True):
    """One file of the page; `tag` is its strong ETag."""

    content: bytes
    tag: str


def routes(to_programs: Handler, prefix: str = "") -> list[web.RouteDef]:
    """One GET for each file; the page's own addresses are relative to its folder, so that it works below any prefix.

    to_programs: answers those who ask for the page itself and read no HTML.
    """
    senders: dict[str, Handler] = {path: partial(_send, name, kind) for path, (name, kind) in FILES.items()}
    senders[HOME] = partial(_home, senders[HOME], to_programs)
    files = [web.get(prefix + path, send) for path, send in senders.items()]
    return [*files, web.get(prefix, partial(_enter, prefix))] if prefix else files


async def _enter(prefix: str, _request: web.Request) -> web.Response:
    return web.Response(status=308, headers={"Location": f"{prefix}/"})


async def _home(to_browsers: Handler, to_programs: Handler, request: web.Request) -> web.StreamResponse:
    is_browser = "text/html" in request.headers.get("Accept", "")
    response = await (to_browsers if is_browser else to_programs)(request)
    response.headers["Vary"] = "Accept"
    return response


async def _send(name: str, content_type: str, request: web.Request) -> web.Response:
    return send(request, load(name), content_type)


def send(request: web.Request, asset: Asset, content_type: str, policy: str = POLICY) -> web.Response:
    """The asset, or a 304 for who has it already."""
    headers = {"ETag": f'"{asset.tag}"', "Cache-Control": "no-cache", "Content-Security-Policy": policy}
    known = request.if_none_match or ()
    if any(tag.value in (asset.tag, "*") for tag in known):
        return web.Response(status=304, headers=headers)
    return web.Response(body=asset.content, headers={**headers, "Content-Type": content_type})


@lru_cache(maxsize=len(FILES))
def load(name: str) -> Asset:
    """Return a file of the page. Raises: Problem when this build has none."""
    path = Path(__file__).parents[2] / "webui" / name
    loader = __spec__.loader if __spec__ else None
    try:
        content = loader.get_data(str(path))  # type: ignore[union-attr]
    except OSError as error:
        raise not_found("The chat page is not part of this build; the API is at /v1.") from error
    return Asset(content, hashlib.sha256(content).hexdigest()[:32])
