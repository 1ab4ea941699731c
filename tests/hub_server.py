"""A server that speaks the hub's protocol, and fails as servers do: for tests of downloads, on this computer.

Two origins, as the real one: the hub answers with lists and redirects, a second server has the large files. What
each request asked, and how many bytes each file cost, is counted. `Trouble` is what goes wrong with the next request
of a path.
"""

import hashlib
import json
import re
import ssl
import threading
import time
from collections import Counter, defaultdict, deque
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple
from urllib.parse import parse_qs, unquote, urlsplit

LFS = (".gguf", ".safetensors", ".llamafile", ".bin")
PIECE_BYTES = 64 << 10
SECRET = "Signature=of-the-storage"


class Trouble(NamedTuple):
    """What one answer does. status: instead of the file. cut_bytes: ends the connection after so many.
    length: what it says of its length. body: other bytes. pace_s: a wait before each 64 KiB.
    """

    status: int = 0
    headers: Mapping[str, str] = {}
    cut_bytes: int | None = None
    length: int | None = None
    body: bytes | None = None
    pace_s: float = 0.0
    ranges: bool = True


class Repo:
    """A repository: its files at each commit, and who may read them."""

    def __init__(self, files: Mapping[str, bytes], license: str = "", gated: bool = False, token: str = "") -> None:
        self.license = license
        self.gated = gated
        self.token = token
        self.files = dict(files)
        self.commit = hashlib.sha1(
            repr(sorted((name, sha256(data)) for name, data in files.items())).encode()
        ).hexdigest()
        self.revisions = {"main": self.commit, "refs/pr/1": self.commit}


class Hub:
    """Both servers, what they hold, and what they were asked."""

    def __init__(self, secure: ssl.SSLContext | None = None) -> None:
        self._scheme = "https" if secure else "http"
        self.repos: dict[str, Repo] = {}
        self.plain: dict[str, bytes] = {}
        self.trouble: defaultdict[str, deque[Trouble]] = defaultdict(deque)
        self.always: dict[str, Trouble] = {}
        self.sent: Counter[str] = Counter()
        self.asked: list[tuple[str, str, dict[str, str]]] = []
        self.blobs: dict[str, tuple[str, bytes]] = {}
        self._servers = [ThreadingHTTPServer(("127.0.0.1", 0), _handler(self, kind)) for kind in (_Api, _Storage)]
        for server in self._servers:
            server.daemon_threads = True
        if secure:
            self._servers[1].socket = secure.wrap_socket(self._servers[1].socket, server_side=True)

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self._servers[0].server_port}"

    @property
    def storage(self) -> str:
        return f"{self._scheme}://127.0.0.1:{self._servers[1].server_port}"

    def add(self, name: str, repo: Repo) -> Repo:
        self.repos[name] = repo
        for path, data in repo.files.items():
            self.blobs[sha256(data)] = (path.rpartition("/")[2], data)
        return repo

    def paths(self, method: str = "GET") -> list[str]:
        """What was asked for, without queries."""
        return [path.partition("?")[0] for asked, path, _ in self.asked if asked == method]

    def forget(self) -> None:
        """Begin to count anew."""
        self.asked.clear()
        self.sent.clear()

    def start(self) -> None:
        for server in self._servers:
            threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    def stop(self) -> None:
        for server in self._servers:
            server.shutdown()
            server.server_close()


@contextmanager
def hub(secure: ssl.SSLContext | None = None) -> Iterator[Hub]:
    """A hub that runs as long as the block; secure: for its storage to speak HTTPS."""
    running = Hub(secure)
    running.start()
    try:
        yield running
    finally:
        running.stop()


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def git_id(data: bytes) -> str:
    return hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()


class _Base(BaseHTTPRequestHandler):
    """Counts, and sends files with ranges and with trouble."""

    hub: Hub
    protocol_version = "HTTP/1.1"
    timeout = 20

    def do_GET(self) -> None:
        self.hub.asked.append((self.command, self.path, {key.lower(): value for key, value in self.headers.items()}))
        try:
            self.answer(unquote(urlsplit(self.path).path))
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True

    do_HEAD = do_GET

    def answer(self, path: str) -> None:
        raise NotImplementedError

    def log_message(self, format: str, *args: object) -> None:
        """Tests ask `Hub.asked` instead."""

    def due(self, name: str) -> Trouble | None:
        queue = self.hub.trouble.get(name)
        return queue.popleft() if queue else self.hub.always.get(name)

    def say(self, status: int, body: bytes = b"", headers: Mapping[str, str] = {}) -> None:
        self.send_response(status)
        for key, value in {"Content-Length": str(len(body)), **headers}.items():
            self.send_header(key, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def refuse(self, status: int, code: str, message: str = "") -> None:
        headers = {"X-Error-Code": code, "X-Error-Message": message or code, "Content-Type": "application/json"}
        self.say(status, json.dumps({"error": message or code}).encode(), headers)

    def send_file(self, name: str, data: bytes, headers: Mapping[str, str], trouble: Trouble) -> None:
        """All of it, or from where a range begins, if the file is still the one that the client means."""
        size = len(data)
        wanted = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range", ""))
        if_range = self.headers.get("If-Range")
        is_same = if_range is None or if_range in (headers.get("ETag"), headers.get("Last-Modified"))
        begin, end, status, more = 0, size, 200, {}
        if wanted and trouble.ranges and is_same:
            begin = int(wanted[1])
            end = min(size, int(wanted[2]) + 1) if wanted[2] else size
            if begin >= size:
                self.say(416, headers={"Content-Range": f"bytes */{size}"})
                return
            status, more = 206, {"Content-Range": f"bytes {begin}-{end - 1}/{size}"}
        length = trouble.length if trouble.length is not None else end - begin
        self.send_response(status)
        for key, value in {"Content-Length": str(length), **headers, **more, **trouble.headers}.items():
            self.send_header(key, value)
        self.end_headers()
        if self.command != "HEAD":
            self._send_body(name, data[begin:end], trouble)

    def _send_body(self, name: str, data: bytes, trouble: Trouble) -> None:
        for offset in range(0, len(data), PIECE_BYTES):
            piece = data[offset : offset + PIECE_BYTES]
            if trouble.cut_bytes is not None:
                piece = piece[: max(0, trouble.cut_bytes - offset)]
            time.sleep(trouble.pace_s)
            self.wfile.write(piece)
            self.hub.sent[name] += len(piece)
            if trouble.cut_bytes is not None and offset + len(piece) >= trouble.cut_bytes:
                self.close_connection = True
                return
        self.close_connection = self.close_connection or trouble.length is not None


class _Storage(_Base):
    """Large files by their hash, for whoever has the signature; and plain files for tests of addresses."""

    def answer(self, path: str) -> None:
        kind, _, name = path[1:].partition("/")
        if kind == "plain":
            self._plain(name)
            return
        if SECRET not in self.path:
            self.say(403)
            return
        file, data = self.hub.blobs[name]
        trouble = self.due(file) or Trouble()
        if trouble.status:
            self.say(trouble.status, b"<html>no</html>", trouble.headers)
            return
        data = data if trouble.body is None else trouble.body
        self.send_file(file, data, {"ETag": f'"{hashlib.md5(data).hexdigest()}"', "Accept-Ranges": "bytes"}, trouble)

    def _plain(self, name: str) -> None:
        trouble = self.due(name) or Trouble()
        if trouble.status:
            self.say(trouble.status, b"no", trouble.headers)
        elif name not in self.hub.plain:
            self.say(404)
        else:
            data = self.hub.plain[name] if trouble.body is None else trouble.body
            self.send_file(name, data, {"ETag": f'"{sha256(data)[:16]}"'}, trouble)


class _Api(_Base):
    """The lists, the redirects, the small files, and the refusals."""

    def answer(self, path: str) -> None:
        if api := re.fullmatch(r"/api/models/([^/]+/[^/]+)(?:/(revision|tree|auth-check)(?:/(.+))?)?", path):
            name, what, revision = api[1], api[2] or "revision", api[3] or "main"
        elif resolve := re.fullmatch(r"/([^/]+/[^/]+)/resolve/(refs/pr/\d+|[^/]+)/(.+)", path):
            name, what, revision = resolve[1], "resolve", resolve[2]
        else:
            self.say(404)
            return
        if trouble := self.due(f"{what}:{name}"):
            self.say(trouble.status, trouble.body or b"", trouble.headers)
            return
        repo = self.hub.repos.get(name)
        authorization = self.headers.get("Authorization", "")
        if authorization and not authorization.startswith("Bearer hf_"):
            self.refuse(401, "", "Invalid credentials in Authorization header")
        elif repo is None or (repo.token and not repo.gated and authorization != f"Bearer {repo.token}"):
            self.refuse(404 if authorization else 401, "RepoNotFound", "Repository not found")
        elif what in ("resolve", "auth-check") and repo.gated and authorization != f"Bearer {repo.token}":
            self.refuse(403 if authorization else 401, "GatedRepo", "Access to this model is restricted.")
        elif not (commit := repo.revisions.get(revision, revision if revision == repo.commit else "")):
            self.refuse(404, "RevisionNotFound", f"Invalid rev id: {revision}")
        elif what == "resolve":
            self._resolve(repo, commit, path.split("/resolve/")[1].removeprefix(revision + "/"))
        elif what == "auth-check":
            self.say(200)
        else:
            self._list(name, repo, commit, what)

    def _list(self, name: str, repo: Repo, commit: str, what: str) -> None:
        query = parse_qs(urlsplit(self.path).query)
        if what == "tree":
            answer: Any = [{"type": "file", "path": path, **_facts(path, data)} for path, data in repo.files.items()]
            for entry in answer:
                entry["oid"] = entry.pop("blobId")
                if "lfs" in entry:
                    entry["lfs"]["oid"] = entry["lfs"].pop("sha256")
        else:
            blobs = query.get("blobs", ["false"])[0].lower() == "true"
            siblings = [
                {"rfilename": path, **(_facts(path, data) if blobs else {})} for path, data in repo.files.items()
            ]
            card = {"cardData": {"license": repo.license}} if repo.license else {}
            answer = {"id": name, "sha": commit, "gated": "auto" if repo.gated else False, "siblings": siblings, **card}
        self.say(200, json.dumps(answer).encode(), {"Content-Type": "application/json"})

    def _resolve(self, repo: Repo, commit: str, path: str) -> None:
        data = repo.files.get(path)
        if data is None:
            self.refuse(404, "EntryNotFound", "Entry not found")
            return
        headers = {"X-Repo-Commit": commit}
        if not path.endswith(LFS):
            trouble = self.due(path) or Trouble()
            if trouble.status:
                self.say(trouble.status, b"", trouble.headers)
                return
            data = data if trouble.body is None else trouble.body
            self.send_file(path, data, {**headers, "ETag": f'"{git_id(data)}"'}, trouble)
            return
        headers |= {"X-Linked-Size": str(len(data)), "X-Linked-ETag": f'"{sha256(data)}"', "ETag": f'"{sha256(data)}"'}
        self.say(302, headers={**headers, "Location": f"{self.hub.storage}/lfs/{sha256(data)}?{SECRET}"})


def _facts(path: str, data: bytes) -> dict[str, object]:
    facts: dict[str, object] = {"size": len(data), "blobId": git_id(data)}
    if path.endswith(LFS):
        facts["blobId"] = git_id(b"version https://git-lfs.github.com/spec/v1\noid sha256:" + sha256(data).encode())
        facts["lfs"] = {"sha256": sha256(data), "size": len(data), "pointerSize": 134}
    return facts


def _handler(hub: Hub, kind: type[_Base]) -> type[_Base]:
    return type(kind.__name__, (kind,), {"hub": hub})
