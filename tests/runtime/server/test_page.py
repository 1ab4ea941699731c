"""The files of the page: all of them and nothing else, with headers that keep them safe and fresh."""

import http.client
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from runtime.server.page import FILES, POLICY
from tests.runtime.server.live import Live

PROJECT = Path(__file__).resolve().parents[3]
BROWSER = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}
"""Others get what Ollama's clients look for at the page's address."""


def test_the_table_is_the_folder() -> None:
    files = [file.name for file in (PROJECT / "webui").iterdir() if file.suffix != ".md"]
    assert sorted(name for name, _ in FILES.values()) == sorted(files)


@pytest.mark.parametrize("path", FILES)
def test_a_file(server: Live, path: str) -> None:
    name, content_type = FILES[path]
    reply = server.get(path, BROWSER)
    assert (reply.status, reply.headers["Content-Type"]) == (200, content_type)
    assert reply.body == (PROJECT / "webui" / name).read_bytes()
    assert reply.headers["Content-Security-Policy"] == POLICY
    assert reply.headers["Cache-Control"] == "no-cache"
    assert reply.headers["X-Content-Type-Options"] == "nosniff"
    assert reply.headers["Cross-Origin-Resource-Policy"] == "same-origin"
    head = server.request("HEAD", path, headers=BROWSER)
    assert (head.status, head.body, head.headers["Content-Length"]) == (200, b"", str(len(reply.body)))


def test_a_known_file_is_not_sent_again(server: Live) -> None:
    tag = server.get("/app.js").headers["ETag"]
    assert tag.startswith('"')
    for known in (tag, f'"other", {tag}', "*", f"W/{tag}"):
        again = server.get("/app.js", {"If-None-Match": known})
        assert (again.status, again.body, again.headers["ETag"]) == (304, b"", tag), known
    assert server.get("/app.js", {"If-None-Match": '"other"'}).status == 200
    assert server.get("/style.css").headers["ETag"] != tag


def test_the_policy_allows_nothing_but_the_pages_own_files() -> None:
    rules = dict(rule.split(" ", 1) for rule in POLICY.split("; "))
    assert rules["default-src"] == "'none'"
    assert rules["script-src"] == rules["style-src"] == rules["connect-src"] == "'self'"
    assert rules["frame-ancestors"] == rules["base-uri"] == rules["form-action"] == rules["trusted-types"] == "'none'"
    assert rules["require-trusted-types-for"] == "'script'"
    assert "unsafe" not in POLICY


@pytest.mark.parametrize("path", ["/index.html", "/webui/app.js", "/app.js/", "/APP.JS", "/app.js%00", "/..%2fapp.js"])
def test_other_names_are_not_served(server: Live, path: str) -> None:
    assert server.get(path).status == 404


def test_a_page_and_its_files_come_over_one_connection(server: Live) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)
    for path in FILES:
        connection.request("GET", path)
        assert connection.getresponse().read()
    connection.close()


def test_the_page_is_read_out_of_the_executable(tmp_path: Path) -> None:
    """As boot arranges it: the code is imported from the `app/` members of a zip behind other bytes."""
    executable = tmp_path / "päge in a file"
    with executable.open("wb") as file:
        file.write(b"\x7fELF" + bytes(5000))
        with zipfile.ZipFile(file, "a") as archive:
            for source in [*PROJECT.glob("runtime/**/*.py"), *PROJECT.glob("webui/*")]:
                archive.write(source, f"app/{source.relative_to(PROJECT).as_posix()}")
    code = (
        "import sys; sys.path.insert(0, sys.argv[1] + '/app'); from runtime.server import page; "
        "print(page.__file__, flush=True); sys.stdout.buffer.write(page.load('index.html').content)"
    )
    done = subprocess.run(
        [sys.executable, "-I", "-c", code, str(executable)], capture_output=True, timeout=60, check=False, cwd=tmp_path
    )
    assert done.returncode == 0, done.stderr
    assert str(executable).encode() in done.stdout
    assert done.stdout.endswith((PROJECT / "webui" / "index.html").read_bytes())
