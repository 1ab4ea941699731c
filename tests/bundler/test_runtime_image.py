"""The runtime image, as it is unpacked and run: complete, small, the same every time, and of this project only."""

import filecmp
import json
import shutil
import subprocess
from pathlib import Path

import pytest

from bundler import analysis, archive, elf, store, targets
from bundler.image_recipe import ImageRecipe
from bundler.runtime_image import RuntimeImage, _Build
from tests import guest

PYTHON_PART_BYTES = 10_500_000
ALL_BYTES = 20_000_000


def test_every_module_in_it_can_be_imported(tree: Path, tmp_path: Path) -> None:
    assert guest.output(tree, tmp_path, guest.EVERY_MODULE).strip() == ""


def test_what_compiled_modules_import_is_there(tree: Path, tmp_path: Path) -> None:
    """No analysis sees these imports: they are made in C."""
    code = """
import datetime, decimal, pickle, hashlib, socket, struct, zlib, json, uuid, random, ctypes
print(datetime.datetime.strptime("2024-02-29", "%Y-%m-%d").date(), decimal.Decimal("0.1") + 1)
print(pickle.loads(pickle.dumps({1: datetime.date.max})), json.loads('{"a": [1.5, null]}'))
print(zlib.decompress(zlib.compress(b"x" * 999)) == b"x" * 999, len(uuid.uuid4().hex))
print(*(len(getattr(hashlib, name)(b"").digest()) for name in ("md5", "sha1", "sha256", "sha3_512", "blake2b")))
print("é".encode("idna"), "Ü".encode("cp1252"), socket.inet_aton("127.0.0.1"))
"""
    assert guest.output(tree, tmp_path, code).splitlines() == [
        "2024-02-29 1.1",
        "{1: datetime.date(9999, 12, 31)} {'a': [1.5, None]}",
        "True 32",
        "16 20 32 64 64",
        "b'xn--9ca' b'\\xdc' b'\\x7f\\x00\\x00\\x01'",
    ]


def test_a_server_and_a_client_talk_inside_it(image: RuntimeImage, tree: Path, tmp_path: Path) -> None:
    """aiohttp's client is imported late, by the names of its package, and works."""
    code = """
from aiohttp import web
early = "aiohttp.client" in sys.modules
import asyncio, aiohttp

async def hello(request):
    response = web.StreamResponse()
    await response.prepare(request)
    for word in ("Paris", " is", " it"):
        await response.write(word.encode())
    return response

async def talk():
    app = web.Application()
    app.router.add_get("/", hello)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    host, port = runner.addresses[0]
    async with aiohttp.ClientSession() as session, session.get(f"http://{host}:{port}/") as answer:
        print(answer.status, await answer.text(), aiohttp.__version__, early)
    await runner.cleanup()

asyncio.run(talk())
print(hasattr(aiohttp, "nothing"), "ClientSession" in dir(aiohttp), "_hashlib" in sys.modules)
"""
    lines = guest.output(tree, tmp_path, code).splitlines()
    assert lines == [f"200 Paris is it {image.packages['aiohttp']} False", "False True False"]


def test_the_engines_bindings_find_their_libraries(tree: Path, tmp_path: Path) -> None:
    code = """
from llama_cpp import llama_cpp, mtmd_cpp
llama_cpp.llama_backend_init()
print(llama_cpp.llama_max_devices() > 0, llama_cpp.__file__.split("/bin/")[1])
"""
    assert guest.output(tree, tmp_path, code).split() == ["True", "lib/llama_cpp/llama_cpp.pyc"]


def test_it_is_small(image: RuntimeImage, tree: Path) -> None:
    engine_bytes = sum(path.stat().st_size for path in (tree / "bin/lib/llama_cpp").rglob("*.so"))
    assert image.unpacked_bytes == sum(path.stat().st_size for path in tree.rglob("*") if path.is_file())
    assert image.size_bytes == image.archive.stat().st_size < ALL_BYTES
    assert image.unpacked_bytes - engine_bytes < 36_000_000
    without_engine = shutil.copytree(tree, tree.with_name("without engine"), ignore=shutil.ignore_patterns("llama_cpp"))
    assert archive.write(without_engine, tree.with_name("x.tar.zst")).size_bytes < PYTHON_PART_BYTES


def test_two_builds_are_identical(image: RuntimeImage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LMFILE_CACHE")
    again = tmp_path / "somewhere else"
    again.mkdir()
    _Build(ImageRecipe(image.target), again, lambda *_: None).run()
    assert (again / "image.json").read_bytes() == (image.root / "image.json").read_bytes()
    assert filecmp.cmp(again / "runtime.tar.zst", image.archive, shallow=False)
    assert subprocess.run(["diff", "-r", again / "LICENSES", image.licenses], timeout=60).returncode == 0


def test_no_file_knows_where_it_was_built(tree: Path) -> None:
    places = [str(place).encode() for place in (store.cache_dir("images").parent, store.project_dir(), Path.home())]
    for path in tree.rglob("*"):
        if path.is_file():
            data = path.read_bytes()
            assert not [place for place in places if len(place) > 5 and place in data], path


def test_bytecode_is_never_held_against_a_source(tree: Path) -> None:
    found = sorted(tree.rglob("*.pyc"))
    assert found
    assert not list(tree.rglob("*.py"))
    for path in found:
        assert int.from_bytes(path.read_bytes()[4:8], "little") == 1, path  # unchecked hash


def test_file_names_in_tracebacks_are_relative(tree: Path, tmp_path: Path) -> None:
    code = "import aiohttp.web\nprint(aiohttp.web.run_app.__code__.co_filename)"
    assert guest.output(tree, tmp_path, code).strip() == "aiohttp/web.py"


def test_every_library_it_needs_is_in_it_or_glibcs(image: RuntimeImage, tree: Path) -> None:
    settings = targets.python(image.target)
    names = {file.path.name for file in elf.gate(tree, settings.glibc, settings.machine)}
    assert "libllama.so" in names
    assert not [name for name in names if "readline" in name or "_hashlib" in name]


def test_licences_of_everything_in_it(image: RuntimeImage) -> None:
    names = {path.name.lower() for path in image.licenses.iterdir()}
    for package in image.packages:
        assert [name for name in names if name.startswith(package.lower())], package
    assert {"cpython.txt", "zlib.txt", "freeze-core.txt", "openssl.txt"} <= names
    assert all(path.stat().st_size > 30 for path in image.licenses.iterdir())


def test_facts_are_those_of_the_archive(image: RuntimeImage) -> None:
    facts = json.loads((image.root / "image.json").read_text())
    assert facts["sha256"] == image.sha256
    assert image.python.startswith("3.13.")
    assert image.glibc == "2.17"
    assert image.engine["llama_cpp_python"].count(".") == 2


@pytest.mark.parametrize("edit", ["# a comment\n", "import json\n"])
def test_an_edit_of_our_code_that_imports_nothing_new_keeps_the_image(
    edit: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert edited_key(tmp_path, edit, monkeypatch) == ImageRecipe(analysis.builder_target()).key


def test_an_edit_that_imports_something_new_makes_another(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert edited_key(tmp_path, "import colorsys\n", monkeypatch) != ImageRecipe(analysis.builder_target()).key


def edited_key(folder: Path, edit: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """The recipe's key for a copy of our code with `edit` added to a module."""
    ignore = shutil.ignore_patterns("__pycache__")
    shutil.copytree(store.project_dir() / "runtime", folder / "runtime", ignore=ignore)
    with (folder / "runtime" / "errors.py").open("a", encoding="utf-8") as file:
        file.write(edit)
    with monkeypatch.context() as patch:
        build_dir = store.build_dir()
        patch.setattr(store, "build_dir", lambda: build_dir)
        patch.setattr(store, "project_dir", lambda: folder)
        return ImageRecipe(analysis.builder_target()).key
