"""The environment of conversions: what is pinned, that a failed one leaves nothing, and that a builder's end is its
children's."""

import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from bundler import store
from bundler.convert import child, environment
from bundler.sources.source import Progress
from runtime.errors import BuildFailed

LIMIT_S = 60
PROJECT = Path(__file__).resolve().parents[3]


def test_everything_is_pinned_by_version_and_hash() -> None:
    for path in environment.recipe():
        text = path.read_text(encoding="utf-8").replace("\\\n", " ")
        lines = [line for line in text.splitlines() if line and not line.startswith("#")]
        assert lines
        assert all(re.match(r"[a-z0-9-]+==\S+ ", line) and "--hash=sha256:" in line for line in lines)
        assert not re.search(r"https?://|index|nvidia|cuda==|triton", "\n".join(lines))
    assert environment.versions() == {"torch": "2.13.0", "transformers": "4.57.6"}


def test_the_packages_of_the_environment_are_those(python: Path) -> None:
    done = subprocess.run(
        [python, "-m", "pip", "list", "--format=freeze"], capture_output=True, text=True, timeout=LIMIT_S, check=True
    )
    installed = {line.split("==")[0].lower().replace("_", "-") for line in done.stdout.splitlines() if "==" in line}
    text = "".join(path.read_text(encoding="utf-8") for path in environment.recipe())
    assert installed - {"pip"} == set(re.findall(r"^([a-z0-9-]+)==", text, re.MULTILINE)) - {"colorama"}
    assert environment.is_made()


def test_what_pip_said_last_is_told_and_nothing_is_left(
    progress: Progress, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    false = tmp_path / "torch.txt"
    false.write_text("no-such-package-anywhere==1.0 --hash=sha256:" + "0" * 64)
    monkeypatch.setattr(environment, "recipe", lambda: [false, false])
    monkeypatch.setattr(environment, "KIND", "other")
    monkeypatch.setattr(environment, "TORCH_INDEX", (tmp_path / "index").as_uri())
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    with pytest.raises(BuildFailed, match=r"No matching distribution found for no-such-package-anywhere==1.0; the log"):
        environment.environment(progress)
    assert [each.suffix for each in store.cache_dir("other").iterdir() if not each.name.endswith(".partial")] == [
        ".lock"
    ]
    assert not environment.is_made()


def test_a_child_ends_with_the_builder_that_was_killed(tmp_path: Path) -> None:
    waiting = tmp_path / "waiting.py"
    waiting.write_text(
        f"import sys, time, os; sys.path.insert(0, {str(PROJECT / 'build/convert')!r}); import leash; leash.job()\n"
        f"open({str(tmp_path / 'pid')!r}, 'w').write(str(os.getpid())); time.sleep(600)\n"
    )
    code = (
        f"import sys; sys.path.insert(0, {str(PROJECT)!r}); from pathlib import Path\n"
        f"from bundler.convert import child\n"
        f"child.run([sys.executable, {str(waiting)!r}], Path({str(tmp_path)!r}), Path({str(tmp_path / 'log')!r}), 600)"
    )
    with subprocess.Popen([sys.executable, "-c", code]) as builder:
        _until(lambda: (tmp_path / "pid").exists() and (tmp_path / "pid").read_text() != "")
        pid = int((tmp_path / "pid").read_text())
        assert Path(f"/proc/{pid}").exists()
        builder.send_signal(signal.SIGKILL)
    _until(lambda: not Path(f"/proc/{pid}").exists())


def test_a_child_ends_with_whatever_is_raised(tmp_path: Path) -> None:
    def interrupt(_line: str) -> None:
        raise KeyboardInterrupt

    code = "import os, time; print(os.getpid(), flush=True); time.sleep(600)"
    with pytest.raises(KeyboardInterrupt):
        child.run([sys.executable, "-c", code], tmp_path, tmp_path / "log", LIMIT_S, on_line=interrupt)
    assert not Path(f"/proc/{(tmp_path / 'log').read_text().strip()}").exists()


def test_the_last_words_are_a_sentence(tmp_path: Path) -> None:
    for printed, expected in (
        ("Traceback\n  File\nValueError: it is too long.\n", "it is too long"),
        ("ERROR:hf-to-gguf:Model X is not supported\n", "Model X is not supported"),
        ("ERROR: No matching distribution\n[notice] new pip\n\n", "No matching distribution"),
        ("10%|   \r20%|  \rlast", "last"),
        ("", "it ended with status 3"),
    ):
        code = f"import sys; sys.stdout.write({printed!r}); sys.exit(3)"
        ended = child.run([sys.executable, "-c", code], tmp_path, tmp_path / "log", LIMIT_S)
        assert (ended.status, ended.happened) == (3, expected)


def test_a_log_has_a_bound(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(child, "MAX_LOG_BYTES", 1 << 16)
    code = "for _ in range(100): print('x' * 9999)"
    child.run([sys.executable, "-c", code], tmp_path, tmp_path / "log", LIMIT_S)
    assert (tmp_path / "log").stat().st_size < 1 << 18


def _until(condition: object) -> None:
    end = time.monotonic() + LIMIT_S
    while not condition():  # type: ignore[operator]
        assert time.monotonic() < end
        time.sleep(0.05)
