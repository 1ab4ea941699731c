"""Finds what is installed beside the build tool: the page and the licence.

In a checkout they lie at the top; a wheel carries copies in bundler/_share/.
"""

from pathlib import Path

from bundler import store

_SHARE = Path(__file__).resolve().parent / "_share"


def page_dir() -> Path:
    """The page's files, webui/."""
    return _share("webui")


def license_file() -> Path:
    """The text of lmfile's own licence."""
    return _share("LICENSE")


def _share(name: str) -> Path:
    packaged = _SHARE / name
    return packaged if packaged.exists() else store.project_dir() / name
