"""The rules of CONTRIBUTING.md that a machine can check, over every file of the project."""

import ast
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parent.parent
MODULES = sorted([*PROJECT.glob("bundler/**/*.py"), *PROJECT.glob("runtime/**/*.py"), *PROJECT.glob("build/**/*.py")])

MODULE_LINES = 400
FUNCTION_LINES = 50
WRITES_TO_THE_TERMINAL = {"bundler/console.py", "runtime/console.py"}
BROAD_EXCEPT_ALLOWED = {
    "bundler/cli.py",
    "build/python/boot.py",
    "runtime/cli/main.py",
    "runtime/engine/worker.py",
    "runtime/server/errors.py",
}
STANDARD_LIBRARY_ONLY = (
    "runtime/adapters/",
    "runtime/payload/",
    "runtime/gguf/",
    "runtime/errors.py",
    "runtime/hardware/",
)
DIALECTS = {"anthropic", "lorax", "native", "ollama", "openai"}
SHARED_WITH_THE_BUNDLER = {
    f"runtime.{name}" for name in ("adapters", "errors", "gguf", "hardware", "payload", "version")
}
FLAGS = {"runtime.cli.flags", "runtime.cli.parse", "runtime.cli.defaults", "runtime.cli.nearest"}
"""The build tool packs flags of the executable, and there is one table of them. Of the standard library only."""


def name(path: Path) -> str:
    return path.relative_to(PROJECT).as_posix()


def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def imports(path: Path) -> Iterator[str]:
    """Every module that the file names in an import, wherever the import stands."""
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


@pytest.mark.parametrize("path", MODULES, ids=name)
def test_module_holds_one_idea_and_says_it(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert len(text.splitlines()) <= MODULE_LINES
    assert not text.strip() or ast.get_docstring(tree(path)), "the module's first sentence is missing"


@pytest.mark.parametrize("path", MODULES, ids=name)
def test_functions_are_short_and_annotated(path: Path) -> None:
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            assert node.end_lineno is not None
            assert node.end_lineno - node.lineno < FUNCTION_LINES, node.name
            assert node.returns is not None, f"{node.name} has no return annotation"


@pytest.mark.parametrize("path", MODULES, ids=name)
def test_forbidden_statements(path: Path) -> None:
    for node in ast.walk(tree(path)):
        assert not isinstance(node, ast.Global | ast.Assert), f"line {node.lineno}"
        if isinstance(node, ast.ExceptHandler) and name(path) not in BROAD_EXCEPT_ALLOWED:
            caught = ast.unparse(node.type) if node.type else "everything"
            assert caught not in ("everything", "Exception", "BaseException"), f"line {node.lineno} catches {caught}"
        if isinstance(node, ast.Call) and ast.unparse(node.func) in ("print", "sys.stdout.write", "sys.stderr.write"):
            assert name(path) in WRITES_TO_THE_TERMINAL, f"line {node.lineno} writes to the terminal"


@pytest.mark.parametrize("path", MODULES, ids=name)
def test_who_imports_whom(path: Path) -> None:
    here = name(path)
    for module in imports(path):
        top = module.split(".")[0]
        if here.startswith("runtime/"):
            assert top != "bundler", f"the runtime imports {module}"
        if here.startswith("bundler/") and top == "runtime":
            allowed = any(module == shared or module.startswith(shared + ".") for shared in SHARED_WITH_THE_BUNDLER)
            flags = any(module == shared or module.startswith(shared + ".") for shared in FLAGS)
            assert allowed or flags or module in ("runtime", "runtime.cli"), f"the build tool imports {module}"
        if module.startswith("llama_cpp"):
            assert here.startswith("runtime/engine/backends/llama"), f"{here} imports {module}"
        if module.startswith("runtime.cli"):
            allowed = here.startswith(("bundler/", "runtime/cli/", "runtime/__main__.py"))
            assert allowed, f"{here} imports {module}"
        if here.startswith("runtime/server/") and module.startswith("runtime.engine."):
            assert module.split(".")[2] in ("protocol", "client", "fleet", "routing"), f"{here} imports {module}"
        if here.startswith("runtime/chat/") and module.startswith("runtime."):
            assert module.startswith(("runtime.chat", "runtime.engine.protocol")), f"{here} imports {module}"
        if dialect := re.match(r"runtime/server/(\w+)/", here):
            others = {f"runtime.server.{other}" for other in DIALECTS - {dialect[1]}}
            assert ".".join(module.split(".")[:3]) not in others, f"{here} imports {module}"
        if here.startswith(STANDARD_LIBRARY_ONLY):
            assert top not in ("aiohttp", "msgspec", "jinja2", "llama_cpp"), f"{here} imports {module}"


def test_no_file_names_this_machine_or_a_registry() -> None:
    tracked = subprocess.run(
        [
            "git",
            "grep",
            "-nIE",
            "files\\.pythonhosted|registry\\.npmjs|deb\\.debian\\.org",
            "--",
            ".",
            ":!tests/test_rules.py",
        ],
        cwd=PROJECT,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert tracked.stdout == ""
