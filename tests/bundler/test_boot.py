"""The first code of a start: what it runs, what it refuses, and what it shields our code from."""

import os
import random
import shutil
import signal
import subprocess
import time
from pathlib import Path

import pytest

from runtime.payload import FOOTER_BYTES, Payload
from tests import guest
from tests.packing import pack

HELLO = "print('hello', *sys.argv[1:])"


@pytest.fixture
def hello(tmp_path: Path) -> Path:
    """An executable that greets."""
    return guest.executable(tmp_path, HELLO)


def refused(done: subprocess.CompletedProcess[str], path: Path) -> str:
    """The one sentence that a damaged executable ends with."""
    assert done.returncode == 30, done
    assert done.stdout == ""
    lines = done.stderr.splitlines()
    assert len(lines) == 1, done.stderr
    assert lines[0].startswith(f"error: Reading `{path}`: ")
    assert lines[0].endswith("; download the file again.")
    return lines[0]


def test_it_runs_the_code_in_the_executable(tree: Path, hello: Path) -> None:
    done = guest.start(tree, hello, ["--flag", "two words", "é"])
    assert (done.returncode, done.stdout, done.stderr) == (0, "hello --flag two words é\n", "")


def test_the_return_value_is_the_exit_code(tree: Path, tmp_path: Path) -> None:
    assert guest.start(tree, guest.executable(tmp_path, "return 41")).returncode == 41


def test_from_any_path_and_directory(tree: Path, tmp_path: Path) -> None:
    folder = tmp_path / "mit Leerzeichen und Ümlaut"
    folder.mkdir()
    program = guest.executable(folder, "print(sys.argv[0])", name="it's 100 % ✓")
    assert guest.start(tree, program).stdout == f"{program}\n"


def test_code_comes_from_the_image_and_the_executable_only(tree: Path, tmp_path: Path) -> None:
    """Neither the working directory nor a variable brings in a module."""
    (tmp_path / "json.py").write_text("raise SystemExit('not mine')")
    (tmp_path / "sitecustomize.py").write_text("raise SystemExit('not mine')")
    code = "import json, site\nprint(sys.path, sys.flags.isolated, sys.flags.optimize, json.__file__)"
    program = guest.executable(tmp_path, code)
    hostile = {"PYTHONPATH": str(tmp_path), "PYTHONHOME": str(tmp_path), "PYTHONSTARTUP": str(tmp_path / "json.py")}
    done = subprocess.run(
        [tree / "bin" / "lmfile"],
        env={"LMFILE_EXECUTABLE": str(program), "PYTHONOPTIMIZE": "2"} | hostile,
        cwd=tmp_path, capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    lib = tree / "bin" / "lib"
    assert done.stdout == f"{[str(lib), f'{program}/app']} 1 0 {lib}/json/__init__.pyc\n"


@pytest.mark.parametrize("cut", [1, 64, FOOTER_BYTES, FOOTER_BYTES + 1, 5000, 60_000])
def test_a_truncated_executable_is_refused(cut: int, tree: Path, hello: Path) -> None:
    os.truncate(hello, hello.stat().st_size - cut)
    refused(guest.start(tree, hello), hello)


def test_an_executable_that_was_added_to_is_refused(tree: Path, hello: Path) -> None:
    with hello.open("ab") as file:
        file.write(b"\0")
    assert "cut off or added to" in refused(guest.start(tree, hello), hello)


def test_a_flipped_bit_in_anything_it_reads_is_refused(tree: Path, hello: Path, tmp_path: Path) -> None:
    """Our own code, the manifest, the directory, and of the footer what lies behind the launcher's part."""
    payload = Payload.open(hello)
    app, size = payload.manifest.app, hello.stat().st_size
    tail = payload.footer.manifest_offset
    ranges = [range(app.offset, app.offset + app.size), range(tail, size - FOOTER_BYTES), range(size - 72, size - 24)]
    ranges += [range(size - 16, size)]
    choose = random.Random(7)
    damaged = tmp_path / "damaged"
    for place in [choose.choice(one) for one in ranges for _ in range(12)]:
        shutil.copyfile(hello, damaged)
        with damaged.open("r+b") as file:
            file.seek(place)
            byte = file.read(1)[0]
            file.seek(place)
            file.write(bytes([byte ^ 1 << choose.randrange(8)]))
        refused(guest.start(tree, damaged), damaged)


def test_no_executable_is_a_sentence_too(tree: Path, tmp_path: Path) -> None:
    refused(guest.start(tree, tmp_path / "nowhere"), tmp_path / "nowhere")
    done = subprocess.run([tree / "bin" / "lmfile"], env={}, capture_output=True, text=True, timeout=60)
    assert done.returncode == 30
    assert "start the lmfile itself" in done.stderr
    empty = tmp_path / "empty"
    empty.touch()
    refused(guest.start(tree, empty), empty)


def test_our_code_missing_is_a_sentence_too(tree: Path, tmp_path: Path) -> None:
    program = pack(tmp_path, tmp_path / "odd", app={"app/other.py": b""})
    assert "No module named 'runtime'" in refused(guest.start(tree, program), program)


def test_a_process_that_it_starts_does_not_check_again(tree: Path, tmp_path: Path) -> None:
    """But it does if the file is another one by then."""
    code = "import os\nprint(os.environ['LMFILE_CHECKED'])"
    program = guest.executable(tmp_path, code)
    checked = guest.start(tree, program).stdout.strip()
    status = program.stat()
    assert checked == f"{status.st_dev} {status.st_ino} {status.st_size} {status.st_mtime_ns}"
    with program.open("r+b") as file:
        file.seek(status.st_size - 60)
        file.write(b"\0" * 8)
    refused(guest.start(tree, program, LMFILE_CHECKED=checked), program)
    os.utime(program, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert guest.start(tree, program, LMFILE_CHECKED=checked).returncode == 0


def test_a_closed_pipe_is_an_error_and_not_the_end(tree: Path, tmp_path: Path) -> None:
    """A server would die silently of a client that hangs up."""
    code = """
import os
reading, writing = os.pipe()
os.close(reading)
try:
    os.write(writing, b"x")
except BrokenPipeError:
    print("alive")
"""
    assert guest.output(tree, tmp_path, code) == "alive\n"


def test_an_interrupt_ends_it_without_a_word(tree: Path, tmp_path: Path) -> None:
    program = guest.executable(tmp_path, "import time\nprint('up', flush=True)\ntime.sleep(60)")
    command = [tree / "bin" / "lmfile"]
    with subprocess.Popen(
        command, env={"LMFILE_EXECUTABLE": str(program)}, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"up\n"
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=30)
    assert (process.returncode, said) == (-signal.SIGINT, b"")


def test_an_interrupt_at_any_moment_leaves_no_traceback(tree: Path, hello: Path) -> None:
    for milliseconds in range(0, 30, 2):
        process = subprocess.Popen(
            [tree / "bin" / "lmfile"], env={"LMFILE_EXECUTABLE": str(hello)},
            stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip
        time.sleep(milliseconds / 1000)
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=30)
        assert said == b""
        assert process.returncode in (-signal.SIGINT, 130, 0)


def test_it_stays_cheap(tree: Path, hello: Path) -> None:
    """Modules that boot loads beyond what the interpreter has loaded itself: each costs every process time."""
    code = "print(*sorted(name for name, module in sys.modules.items() if getattr(module, '__file__', None)))"
    program = guest.executable(hello.parent, code, name="cheap")
    loaded = set(guest.start(tree, program).stdout.split())
    assert loaded <= {"__init__lmfile", "_json", "_sha2", "runtime", "runtime.__main__", "encodings", "os", "zipimport"}
