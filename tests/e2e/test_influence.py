"""What the host's Python, its packages and its variables have to say about an executable: nothing."""

from pathlib import Path

import pytest

from tests.questions import SEE, SEEN
from tests.running import command_line, run
from tests.serving import serving

MODULES = ("runtime", "json", "aiohttp", "jinja2", "msgspec", "llama_cpp", "struct", "sitecustomize", "usercustomize")
VERSIONS = ("3.11", "3.13")


def plant(folder: Path, canary: Path) -> None:
    """Put modules into `folder` that write to `canary` when they are imported."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in MODULES:
        (folder / f"{name}.py").write_text(f"open({str(canary)!r}, 'a').write({name!r})\nraise SystemExit(77)\n")


def test_variables_of_python_and_the_loader(tiny: Path, env: dict[str, str], tmp_path: Path) -> None:
    canary = tmp_path / "canary"
    plant(tmp_path / "path", canary)
    (tmp_path / "libraries").mkdir()
    for name in ("libc.so.6", "libm.so.6", "libllama.so", "libggml.so"):
        (tmp_path / "libraries" / name).write_text("not a library")
    hostile = {
        "PYTHONPATH": str(tmp_path / "path"),
        "PYTHONHOME": str(tmp_path / "nowhere"),
        "PYTHONSTARTUP": str(tmp_path / "path" / "json.py"),
        "PYTHONUSERBASE": str(tmp_path),
        "PYTHONINSPECT": "1",
        "PYTHONVERBOSE": "1",
        "PYTHONWARNINGS": "error",
        "PYTHONIOENCODING": "utf-16",
        "LD_PRELOAD": str(tmp_path / "libraries" / "libm.so.6"),
        "LD_LIBRARY_PATH": str(tmp_path / "libraries"),
        "LD_AUDIT": str(tmp_path / "libraries" / "libm.so.6"),
        "GGML_BACKEND_PATH": str(tmp_path / "libraries" / "libggml.so"),
        "LLAMA_CPP_LIB_PATH": str(tmp_path / "libraries"),
        "LMFILE_EXECUTABLE": str(tmp_path / "path" / "json.py"),
        "LMFILE_CACHE_DIR": str(tmp_path),
    }
    done = run([tiny, *SEE], env=env | hostile)
    assert (done.status, done.out, done.err) == (0, SEEN, "")
    assert not canary.exists()


def test_modules_in_the_working_directory(tiny: Path, env: dict[str, str], tmp_path: Path) -> None:
    plant(tmp_path / "here", tmp_path / "canary")
    done = run([tiny, *SEE], env=env, cwd=tmp_path / "here")
    assert (done.status, done.out, done.err) == (0, SEEN, "")
    assert not (tmp_path / "canary").exists()


def test_modules_in_the_user_s_site_packages(tiny: Path, env: dict[str, str], tmp_path: Path) -> None:
    for version in VERSIONS:
        packages = tmp_path / "home" / ".local" / "lib" / f"python{version}" / "site-packages"
        plant(packages, tmp_path / "canary")
        (packages / "evil.pth").write_text(f"import os; open({str(tmp_path / 'canary')!r}, 'a')\n")
    done = run([tiny, *SEE], env=env | {"HOME": str(tmp_path / "home")})
    assert (done.status, done.out, done.err) == (0, SEEN, "")
    assert not (tmp_path / "canary").exists()


@pytest.mark.parametrize("name", ["PYTHONPATH", "PYTHONHOME", "LD_PRELOAD", "LD_LIBRARY_PATH", "GGML_BACKEND_PATH"])
def test_no_such_variable_reaches_the_worker(name: str, tiny: Path, env: dict[str, str]) -> None:
    with serving(tiny, env=env | {name: "/nowhere"}) as server:
        worker = server.running.worker()
        assert "--worker" in command_line(worker).split("\0")
        variables = Path(f"/proc/{worker}/environ").read_text().split("\0")
    assert "LMFILE_EXECUTABLE=" + str(tiny) in variables
    assert not any(variable.startswith(name + "=") for variable in variables)
