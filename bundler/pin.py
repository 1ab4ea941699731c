"""Prints the pins of wheels, for maintainers who raise a version.

    python -m bundler.pin aiohttp==3.14.5 jinja2==3.1.6 >> build/pins/python.toml

For every target the newest build tag that its table in build/targets/ accepts is taken; a wheel
without native code is pinned once, for `any`.
"""

import json
import re
import sys
import urllib.request
from dataclasses import asdict

from bundler import fetch, targets
from bundler.console import Console
from runtime.errors import DownloadFailed, LmfileError, UsageError

PYTHON_TAGS = re.compile(r"-(cp313-cp313|cp3\d+-abi3|py3-none|py2\.py3-none)-([^-]+)\.whl$")


def main(requirements: list[str]) -> int:
    """Print a TOML table for each wheel of `PROJECT==VERSION …`."""
    console = Console()
    try:
        for requirement in requirements:
            for key, pin in pins_of(requirement).items():
                console.result(toml(key, pin))
    except LmfileError as error:
        console.error(str(error))
        return error.exit_code
    return 0


def pins_of(requirement: str) -> dict[str, fetch.Pin]:
    """The pins of one `PROJECT==VERSION`, by key: `wheel-PROJECT-TARGET`.

    Raises: UsageError, or DownloadFailed when the index has no such wheel for a target.
    """
    project, _, version = requirement.partition("==")
    if not version:
        raise UsageError(f"Pinning `{requirement}`: no version is given; write PROJECT==VERSION.")
    addresses = _wheels(project, version)
    found: dict[str, fetch.Pin] = {}
    for target in targets.names():
        address = best(addresses, targets.python(target).wheels)
        if address is None:
            raise DownloadFailed(requirement, f"the index has no wheel of it for {target}")
        key_target = "any" if fetch.filename(address).endswith("-any.whl") else target
        found[f"wheel-{project}-{key_target}"] = _pin(project, address)
    return found


def toml(key: str, pin: fetch.Pin) -> str:
    """The table of one pin, as it stands in build/pins/."""
    lines = [f"[{key}]", *(f"{name} = {json.dumps(value)}" for name, value in asdict(pin).items())]
    return "\n".join(lines) + "\n"


def best(addresses: list[str], platforms: str) -> str | None:
    """The wheel for one of `platforms` (a regular expression), an exact one before one for `any`."""
    for wanted in (platforms, "any"):
        for address in addresses:
            tags = PYTHON_TAGS.search(fetch.filename(address))
            if tags and any(re.fullmatch(wanted, platform) for platform in tags[2].split(".")):
                return address
    return None


def _wheels(project: str, version: str) -> list[str]:
    prefix = f"{re.sub(r'[-_.]+', '_', project).lower()}-{version}-"
    try:
        return [link for link in fetch.links(project) if fetch.filename(link).lower().startswith(prefix)]
    except OSError as error:
        raise DownloadFailed(project, str(error)) from error


def _pin(project: str, address: str) -> fetch.Pin:
    sha256 = re.search(r"#sha256=([0-9a-f]{64})$", address)
    if sha256 is None:
        raise DownloadFailed(fetch.filename(address), "the index does not give its sha256")
    with urllib.request.urlopen(urllib.request.Request(address, method="HEAD"), timeout=fetch.TIMEOUT_S) as answer:
        return fetch.Pin(project, fetch.filename(address), sha256[1], int(answer.headers["Content-Length"]))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
