"""Asks the hub what a repository holds, and tells why it does not say: through `huggingface_hub`, metadata only.

The library reads HF_ENDPOINT, HF_TOKEN or the token stored by `hf auth login`, HF_HUB_OFFLINE and the proxies. It
takes 0.2 s to import, so it is where it is used. Its own messages hold addresses and request ids: ours do not.
"""

import http.client
import logging
import os
import re
import time
import urllib.parse
from collections.abc import Callable, Sequence
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, TypeVar

from bundler.sources import remote, web
from bundler.sources.hub_files import Entry, Listing
from bundler.sources.hub_name import HubName
from bundler.sources.web import Refused
from runtime.errors import DownloadFailed, LmfileError, ModelNotFound
from runtime.payload.manifest import is_safe
from runtime.version import VERSION

if TYPE_CHECKING:
    from huggingface_hub.errors import HfHubHTTPError
    from huggingface_hub.hf_api import ModelInfo

TIMEOUT_S = 15.0
MAX_SIZE_BYTES = 1 << 50

_COMMIT = re.compile(r"[0-9a-f]{40}")
_SHA256 = re.compile(r"[0-9a-f]{64}")
Answer = TypeVar("Answer")


class Unreachable(Exception):
    """The hub gave no answer, or was told not to be asked; what happened, in words."""


def listing(name: HubName, is_patient: bool) -> Listing:
    """What the repository holds now; is_patient: try several times, as there is nothing to fall back on.

    Raises: Unreachable; ModelNotFound, DownloadFailed where the hub says no.
    """
    from huggingface_hub import HfApi, constants

    logging.getLogger("huggingface_hub").setLevel(logging.CRITICAL)  # what goes wrong is told once, by us
    constants.HF_HUB_DISABLE_TELEMETRY = True
    api = HfApi(library_name="lmfile", library_version=VERSION)
    waits_s = remote.WAITS_S if is_patient else remote.WAITS_S[:1]
    info = _asked(
        name, waits_s, lambda: api.model_info(name.repo, revision=name.revision, timeout=TIMEOUT_S, files_metadata=True)
    )
    found = _read(info, name)
    if info.gated:
        _check_access(name)
    return found


def visit(listing: Listing, entry: Entry) -> web.Visit:
    """Where the file is fetched."""
    path = urllib.parse.quote(f"/{listing.repo}/resolve/{listing.commit}/{entry.path}")
    return _own(path, f"hf:{listing.repo}/{entry.path}")


def denied(error: Refused, name: HubName) -> LmfileError:
    """The same, as the hub means it; of a storage that lacks a file the hub knows nothing."""
    if error.status == HTTPStatus.NOT_FOUND and not error.code:
        return error
    return _denied(name, error.status, error.code) or error


def is_offline() -> bool:
    """Whether the user wants nobody to be asked."""
    from huggingface_hub import constants

    return constants.is_offline_mode()


def _asked(name: HubName, waits_s: Sequence[float], ask: Callable[[], Answer]) -> Answer:
    """The answer, after as many more tries as there are waits. Raises: as `listing`."""
    import httpx2
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, OIDCError

    for wait_s in (*waits_s, None):
        try:
            return ask()
        except HFValidationError as error:
            raise ModelNotFound(name.text, "no repository can have this name", "check it") from error
        except HfHubHTTPError as error:
            status = error.response.status_code
            if status not in web.PASSING:
                raise _said(error, name) from error
            happened, asked_s = f"the hub answered {status}", _retry_after_s(error)
        except (httpx2.InvalidURL, httpx2.UnsupportedProtocol, TypeError, ValueError, KeyError) as error:
            raise _not_a_hub(name) from error
        except httpx2.RequestError as error:
            happened, asked_s = _network(error), 0.0
        except (OIDCError, OSError) as error:
            raise DownloadFailed(name.text, "the token cannot be read", "log in anew with `hf auth login`") from error
        if wait_s is None:
            break
        time.sleep(max(wait_s, min(asked_s, remote.MAX_WAIT_S)))
    raise Unreachable(happened)


def _check_access(name: HubName) -> None:
    """Everybody may list the files of a gated repository. Raises: as `listing`."""
    try:
        web.get(_own(f"/api/models/{name.repo}/auth-check", name.text), {}).close()
    except Refused as error:
        raise denied(error, name) from error
    except (http.client.HTTPException, OSError) as error:
        raise Unreachable(web.reason(error)) from error


def _own(path: str, shown: str) -> web.Visit:
    """An address of the hub, with the token for the hub alone."""
    from huggingface_hub import constants

    endpoint = web.visit(constants.ENDPOINT)
    token = _token()
    secrets = {"Authorization": f"Bearer {token}"} if token else endpoint.secrets
    return web.Visit(endpoint.address.rstrip("/") + path, shown, secrets)


def _read(info: "ModelInfo", name: HubName) -> Listing:
    """Believe of the answer only what can be. Raises: DownloadFailed."""
    if not isinstance(info.sha, str) or not _COMMIT.fullmatch(info.sha):
        raise _not_a_hub(name)
    entries = []
    for file in info.siblings or ():
        size = file.lfs.size if file.lfs else file.size
        sha256 = file.lfs.sha256 if file.lfs else ""
        if not isinstance(file.rfilename, str) or not is_safe(file.rfilename):
            continue  # no file that we take has such a name
        if not isinstance(size, int) or not 0 <= size <= MAX_SIZE_BYTES:
            raise _not_a_hub(name)
        if not _SHA256.fullmatch(sha256) and not _COMMIT.fullmatch(file.blob_id or ""):
            raise _not_a_hub(name)
        entries.append(Entry(file.rfilename, size, sha256, file.blob_id or ""))
    return Listing(name.repo, info.sha, _license(info), tuple(sorted(entries)))


def _license(info: "ModelInfo") -> str:
    card: Any = info.card_data or {}
    found = card.get("license")
    if found == "other":
        found = card.get("license_name") or found
    return ", ".join(map(str, found)) if isinstance(found, list) else str(found or "")


def _said(error: "HfHubHTTPError", name: HubName) -> LmfileError:
    headers = error.response.headers
    code = headers.get("X-Error-Code", "")
    if "Invalid credentials" in headers.get("X-Error-Message", ""):
        code = "InvalidCredentials"
    status = error.response.status_code
    return _denied(name, status, code) or DownloadFailed(name.text, f"the hub answered {status}", "try again later")


def _denied(name: HubName, status: int, code: str) -> LmfileError | None:
    """Why the hub does not give it, and what to do. Source: the codes that `huggingface_hub` tells apart."""
    from huggingface_hub import constants

    page = f"{web.visit(constants.ENDPOINT).shown.rstrip('/')}/{name.repo}"
    log_in = "log in with `hf auth login` or set HF_TOKEN"
    if code == "GatedRepo":
        return DownloadFailed(
            name.text,
            "its publisher gives it only to those who have agreed to the terms",
            f"agree to them at {page}" + ("" if _token() else f", and {log_in}"),
        )
    if code == "RevisionNotFound":
        return ModelNotFound(
            name.text, f"the repository has no revision `{name.revision}`", f"see {page} for its branches and tags"
        )
    if code == "EntryNotFound":
        return ModelNotFound(name.text, "the hub lists the file and does not have it", f"see {page}")
    if code == "InvalidCredentials":
        return DownloadFailed(name.text, "the hub does not accept the token", "log in anew with `hf auth login`")
    if code == "RepoNotFound" or status in (401, 404):
        if _token():
            return ModelNotFound(
                name.text, "there is no such repository, or your token may not see it", "check its name and the token"
            )
        return ModelNotFound(name.text, "there is no such repository, or it is private", f"check its name, or {log_in}")
    if status == 403:
        return DownloadFailed(name.text, "the hub does not let you", f"check at {page} whether you may, and the token")
    return None


def _token() -> str | None:
    from huggingface_hub import constants, get_token

    return None if constants.HF_HUB_DISABLE_IMPLICIT_TOKEN else get_token()


def _retry_after_s(error: "HfHubHTTPError") -> float:
    said = error.response.headers.get("Retry-After", "")
    return float(said) if re.fullmatch(r"\d{1,6}", said) else 0.0


def _network(error: Exception) -> str:
    import httpx2

    if isinstance(error, httpx2.TimeoutException):
        return f"the hub sent nothing for {TIMEOUT_S:.0f} s"
    if isinstance(error, httpx2.ProxyError):
        return "the proxy does not lead to the hub"
    if "CERTIFICATE_VERIFY_FAILED" in str(error):
        return "the hub's certificate is not valid"
    return "the hub cannot be reached"


def _not_a_hub(name: HubName) -> DownloadFailed:
    is_chosen = "HF_ENDPOINT" in os.environ
    advice = "check HF_ENDPOINT" if is_chosen else "check whether the network asks you to log in"
    return DownloadFailed(name.text, "what answered does not speak as a hub does", advice)
