"""The whole executable, launcher, front and worker, where the only system library is glibc 2.31."""

from pathlib import Path

import pytest

from tests import old_glibc
from tests.namespaces import bare
from tests.questions import CALM, FRANCE, PARIS, SEE, SEEN
from tests.running import run
from tests.serving import address, started


@pytest.fixture(scope="module")
def libc() -> Path:
    """Debian 11's C library."""
    return old_glibc.libraries()


def test_it_answers(tiny: Path, libc: Path, tmp_path: Path) -> None:
    done = run(bare(tmp_path, tiny, libc, ["/program", *SEE]))
    assert (done.status, done.out, done.complaints) == (0, SEEN, "")


def test_smollm2_answers(executable: Path, libc: Path, tmp_path: Path) -> None:
    done = run(bare(tmp_path, executable, libc, ["/program", *CALM, "-p", FRANCE]))
    assert (done.status, done.out, done.complaints) == (0, PARIS, "")


def test_it_serves(tiny: Path, libc: Path, tmp_path: Path) -> None:
    with started(bare(tmp_path, tiny, libc, ["/program", "--server", "--port", "0", "-t", "1"])) as running:
        server = address(running)
        server.wait_ready()
        answer = server.post("/v1/chat/completions", {"messages": [{"role": "user", "content": "What do you see?"}]})
        assert answer["choices"][0]["message"]["content"] == SEEN.strip()
        for pid in (running.pid, running.worker()):
            used = {
                Path(line.split()[-1]).name
                for line in Path(f"/proc/{pid}/maps").read_text().splitlines()
                if "/lib" in line
            }
            assert "libc.so.6" in used
        loader = Path(f"/proc/{running.pid}/root/lib64/ld-linux-x86-64.so.2").read_bytes()
        assert loader == (libc / old_glibc.LOADER).read_bytes()
