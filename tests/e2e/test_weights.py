"""Weights are mapped from the executable and never written; executables with one runtime share one extraction."""

import mmap
import os
from pathlib import Path

from tests.models import smollm2_gguf
from tests.questions import SEE
from tests.running import run
from tests.serving import Server

GGUF = b"GGUF"
FORMAT_3 = b"\x03\0\0\0"


def files(folder: Path) -> dict[Path, int]:
    """Sizes of the files below `folder`."""
    return {path: path.lstat().st_size for path in folder.rglob("*") if path.is_file() and not path.is_symlink()}


def test_the_worker_maps_the_weights_where_they_lie_in_the_executable(server: Server, executable: Path) -> None:
    size = smollm2_gguf().stat().st_size
    mapped = [
        line.split()
        for line in Path(f"/proc/{server.running.worker()}/maps").read_text().splitlines()
        if line.endswith(f" {executable}")
    ]
    total = sum(int(end, 16) - int(begin, 16) for begin, end in (fields[0].split("-") for fields in mapped))
    assert total >= size * 0.95, "the weights (all but the header) are not mapped from the executable"
    assert all(fields[1] in ("r--s", "r--p") for fields in mapped), mapped


def test_the_front_maps_none_of_it(server: Server, executable: Path) -> None:
    assert str(executable) not in Path(f"/proc/{server.running.pid}/maps").read_text()


def test_no_process_has_read_them_into_memory_of_its_own(server: Server) -> None:
    memory = Path(f"/proc/{server.running.worker()}/smaps_rollup").read_text()
    private = sum(
        int(line.split()[1]) for line in memory.splitlines() if line.startswith(("Private_Dirty", "Anonymous"))
    )
    assert private * 1024 < smollm2_gguf().stat().st_size * 6, "context and buffers are some hundred megabytes at most"


def test_the_cache_holds_no_weights(server: Server, cache: Path) -> None:
    assert max(files(cache).values()) < smollm2_gguf().stat().st_size / 2
    found = files(cache / "runtimes")  # beside it there may be adapters, converted by other tests
    assert found
    for path in found:
        if path.stat().st_size:
            with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
                assert content[:4] != GGUF
                assert content.find(GGUF + FORMAT_3) < 0, f"{path} holds weights"


def test_serving_writes_no_file(server: Server, cache: Path) -> None:
    before = files(cache)
    server.post("/completion", {"prompt": "Hello", "n_predict": 4})
    assert files(cache) == before
    for pid in server.running.family():
        for link in Path(f"/proc/{pid}/fd").iterdir():
            target = str(link.readlink())
            flags = int(Path(f"/proc/{pid}/fdinfo/{link.name}").read_text().split("flags:")[1].split()[0], 8)
            if target.startswith("/") and not target.startswith(("/dev/", "/memfd:", "/tmp/#")):
                assert flags & os.O_ACCMODE == os.O_RDONLY, f"{target} is open for writing"


def test_two_lmfiles_share_one_extraction(executable: Path, tiny: Path, tmp_path: Path) -> None:
    env = {"LMFILE_CACHE": str(tmp_path)}
    assert run([executable, "--version"], env=env).status == 0
    [runtime] = (tmp_path / "runtimes").glob("?" * 64)
    before = (runtime.stat().st_ino, files(tmp_path))
    assert run([tiny, *SEE], env=env).status == 0
    assert [runtime] == list((tmp_path / "runtimes").glob("?" * 64))
    assert (runtime.stat().st_ino, files(tmp_path)) == before
