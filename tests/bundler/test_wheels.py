"""Pins of wheels: one for every package on every target, and only wheels that run there."""

import http.server
import re
import threading
import tomllib
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from bundler import image_recipe, pin, targets, wheels
from runtime.errors import BuildFailed, UsageError

SHA256 = "0123456789abcdef" * 4
CONTENTS = image_recipe.ImageRecipe("linux-x86_64").contents


@pytest.mark.parametrize("target", targets.names())
@pytest.mark.parametrize("name", CONTENTS.packages)
def test_every_package_is_pinned_for_every_target(name: str, target: str) -> None:
    found = wheels.pin(name, target)
    tags = pin.PYTHON_TAGS.search(found.filename)
    assert tags, found.filename
    platforms = tags[2].split(".")
    assert platforms == ["any"] or any(re.fullmatch(targets.python(target).wheels, one) for one in platforms)


def test_a_package_without_a_pin_is_named() -> None:
    with pytest.raises(BuildFailed, match="no wheel of `numpy` is pinned"):
        wheels.pin("numpy", "linux-x86_64")


def test_a_requirement_without_a_version_is_refused() -> None:
    with pytest.raises(UsageError, match="write PROJECT==VERSION"):
        pin.pins_of("aiohttp")


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A package index on this computer, with one project."""
    folder = tmp_path / "simple" / "thing"
    folder.mkdir(parents=True)
    wheel = folder / "thing-1.0-py3-none-any.whl"
    wheel.write_bytes(b"a wheel")
    names = (wheel.name, "thing-1.0.tar.gz", "thing-0.9-py3-none-any.whl")
    (folder / "index.html").write_text("".join(f'<a href="{name}#sha256={SHA256}">{name}</a>' for name in names))
    handler = partial(http.server.SimpleHTTPRequestHandler, directory=str(tmp_path))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        monkeypatch.setenv("PIP_INDEX_URL", f"http://127.0.0.1:{server.server_port}/simple")
        yield
        server.shutdown()


@pytest.mark.usefixtures("index")
def test_a_pin_is_printed_as_it_stands_in_the_file(capsys: pytest.CaptureFixture[str]) -> None:
    assert pin.main(["thing==1.0"]) == 0
    printed = tomllib.loads(capsys.readouterr().out)
    expected = {"project": "thing", "filename": "thing-1.0-py3-none-any.whl", "sha256": SHA256, "size": 7}
    assert printed == {"wheel-thing-any": expected}


@pytest.mark.usefixtures("index")
@pytest.mark.parametrize("wanted", ["thing==2.0", "other==1.0"])
def test_what_the_index_does_not_have_is_said(wanted: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert pin.main([wanted]) == 23
    assert wanted.partition("=")[0] in capsys.readouterr().err


def test_the_best_wheel_is_one_for_the_platform() -> None:
    tags = (
        "cp313-cp313-musllinux_1_2_x86_64",
        "py3-none-any",
        "cp311-abi3-manylinux_2_28_x86_64.manylinux_2_17_x86_64",
    )
    addresses = [f"https://index/thing-1-{tag}.whl#sha256={SHA256}" for tag in tags]
    assert pin.best(addresses, targets.python("linux-x86_64").wheels) == addresses[2]
    assert pin.best(addresses, targets.python("macos-arm64").wheels) == addresses[1]
    assert pin.best(addresses[:1], targets.python("linux-x86_64").wheels) is None
