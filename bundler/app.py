"""Turns our own code and the page into the members under app/, which a start imports out of the executable.

Python is compiled by the image's CPython, so that its bytecode is the one that the image reads;
nothing of it is ever extracted. The page's files go in as they are, without what is written about them.
"""

from pathlib import Path

from bundler import analysis, cpython, fetch, store
from bundler.container import Part
from bundler.share import page_dir
from runtime.payload import APP_PREFIX

ROLE = "app"
DOCUMENT = ".md"


def parts(progress: fetch.Progress = fetch.quiet) -> list[Part]:
    """Every module of runtime/ as .pyc and every file of webui/. Raises: BuildFailed for code that does not compile."""
    compiled = _compiled(store.project_dir() / "runtime", progress)
    files = [(path, path.relative_to(compiled)) for path in sorted(compiled.rglob("*.pyc"))]
    page = page_dir()
    files += [(path, Path("webui") / path.name) for path in sorted(page.iterdir()) if path.suffix != DOCUMENT]
    return [Part(APP_PREFIX + name.as_posix(), ROLE, path.read_bytes()) for path, name in files]


def _compiled(package: Path, progress: fetch.Progress) -> Path:
    """A directory with `package`, compiled; kept in the cache under the hash of its text."""
    python = cpython.portable(analysis.builder_target(), progress)
    script = store.build_dir() / "python" / "bytecode.py"
    sources = sorted(package.rglob("*.py"))
    names = [source.relative_to(package.parent).as_posix() for source in sources]

    def make(staging: Path) -> None:
        jobs = [(str(file), name, str(staging / f"{name}c")) for file, name in zip(sources, names, strict=True)]
        analysis.run(python, script, {"jobs": jobs, "lazy": [], "bare": []}, [], staging)

    return store.once("app", store.recipe_hash(python.root.name, names, script, *sources), make)
