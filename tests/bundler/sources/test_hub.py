"""Models of a hub, against a server that speaks its protocol."""

import hashlib
from collections.abc import Iterator
from pathlib import Path

import pytest
from huggingface_hub import constants, hf_hub_download, snapshot_download
from huggingface_hub.utils import close_session

from bundler.sources import hub, remote, web
from bundler.sources.source import Located
from runtime.errors import DiskFull, DownloadFailed, ModelNotFound, ModelUnsupported
from tests.hub_server import SECRET, Hub, Repo, Trouble, git_id, sha256
from tests.hub_server import hub as running_hub

TOKEN = "hf_a-secret-token"
MODEL = hashlib.sha256(b"model").digest() * 40_000  # 1.3 MB
SMALL = b"GGUF of another quantisation"


@pytest.fixture(scope="module")
def server() -> Iterator[Hub]:
    with running_hub() as server:
        yield server


@pytest.fixture(autouse=True)
def cache(server: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A hub of its own for each test, as far as a client sees, and no patience."""
    server.repos.clear()
    server.trouble.clear()
    server.always.clear()
    server.forget()
    for name in ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN", "HF_OIDC_RESOURCE"):
        monkeypatch.delenv(name, raising=False)
    folder = tmp_path / "hub"
    monkeypatch.setattr(constants, "ENDPOINT", server.endpoint)
    template = server.endpoint + "/{repo_id}/resolve/{revision}/{filename}"
    monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(folder))
    monkeypatch.setattr(constants, "HF_TOKEN_PATH", str(tmp_path / "token"))
    monkeypatch.setattr(remote, "WAITS_S", (0.0, 0.01, 0.02))
    return folder


@pytest.fixture
def repo(server: Hub) -> Repo:
    files = {"README.md": b"# a model", "tiny-Q4_K_M.gguf": MODEL, "tiny-Q8_0.gguf": SMALL, "mmproj-F16.gguf": b"eyes"}
    return server.add("org/tiny-GGUF", Repo(files, license="apache-2.0"))


def fetched(located: Located) -> Path:
    steps: list[tuple[str, int, int]] = []
    path = located.fetch(lambda *step: steps.append(step))
    done = [done for _, done, _ in steps]
    assert done == sorted(done), "a bar that goes back"
    assert {total for _, _, total in steps} == {located.size_bytes}
    assert done[-1] == located.size_bytes
    return path


def test_the_server_speaks_as_the_library_expects(server: Hub, repo: Repo, cache: Path) -> None:
    path = Path(hf_hub_download("org/tiny-GGUF", "tiny-Q4_K_M.gguf"))
    assert path.read_bytes() == MODEL
    assert path.resolve().name == sha256(MODEL)
    folder = Path(snapshot_download("org/tiny-GGUF", revision="refs/pr/1"))
    assert {found.name: found.read_bytes() for found in folder.iterdir()} == repo.files
    assert (folder / "README.md").resolve().name == git_id(b"# a model")


def test_locating_asks_for_the_list_alone(server: Hub, repo: Repo) -> None:
    located = hub.locate("hf:org/tiny-GGUF")
    assert (located.size_bytes, located.is_here, located.is_folder) == (len(MODEL), False, False)
    assert (located.license, located.name, located.note) == ("apache-2.0", "tiny-Q4_K_M", "")
    assert located.provenance.plain() == {
        "source": "hf:org/tiny-GGUF",
        "revision": repo.commit,
        "files": {"tiny-Q4_K_M.gguf": sha256(MODEL)},
    }
    assert server.paths() == ["/api/models/org/tiny-GGUF/revision/main"]


def test_a_file_comes_once_and_lies_where_every_program_looks(server: Hub, repo: Repo, cache: Path) -> None:
    path = fetched(hub.locate("hf:org/tiny-GGUF"))
    assert path == cache / "models--org--tiny-GGUF" / "snapshots" / repo.commit / "tiny-Q4_K_M.gguf"
    assert path.read_bytes() == MODEL
    assert server.sent == {"tiny-Q4_K_M.gguf": len(MODEL)}
    assert Path(hf_hub_download("org/tiny-GGUF", "tiny-Q4_K_M.gguf", local_files_only=True)) == path
    again = hub.locate("hf:org/tiny-GGUF:q4_k_m")
    assert again.is_here
    assert fetched(again) == path
    assert server.sent == {"tiny-Q4_K_M.gguf": len(MODEL)}
    assert {found.suffix for found in path.resolve().parent.iterdir()} == {""}, "something partial is left"


def test_licence_texts_come_with_a_file(server: Hub) -> None:
    texts = {"LICENSE": b"MIT", "NOTICE.txt": b"by me", "USE_POLICY.md": b"be kind"}
    server.add("org/a", Repo({"q/a-Q8_0.gguf": SMALL, "README.md": b"", "LICENSE.bin": b"pickle", **texts}))
    located = hub.locate("hf:org/a")
    assert located.size_bytes == len(SMALL) + sum(map(len, texts.values()))
    assert fetched(located).read_bytes() == SMALL
    assert located.texts
    assert {path.name: path.read_bytes() for path in located.texts.iterdir() if path.is_file()} == texts


def test_what_the_library_fetched_is_used(server: Hub, repo: Repo) -> None:
    path = Path(hf_hub_download("org/tiny-GGUF", "tiny-Q4_K_M.gguf"))
    server.forget()
    located = hub.locate("hf:org/tiny-GGUF")
    assert located.is_here
    assert fetched(located) == path
    assert not server.sent


def test_a_damaged_file_of_the_cache_is_fetched_anew(server: Hub, repo: Repo) -> None:
    path = Path(hf_hub_download("org/tiny-GGUF", "tiny-Q4_K_M.gguf"))
    path.resolve().write_bytes(b"\0" * len(MODEL))
    assert hub.locate("hf:org/tiny-GGUF").fetch(lambda *_: None).read_bytes() == MODEL


def test_all_shards_come_in_order(server: Hub) -> None:
    files = {f"Q8_0/big-Q8_0-{number:05d}-of-00003.gguf": bytes([number]) * 100_000 for number in (3, 1, 2)}
    server.add("org/big", Repo(files))
    located = hub.locate("hf:org/big")
    assert (located.size_bytes, located.name) == (300_000, "big-Q8_0")
    path = fetched(located)
    assert path.name == "big-Q8_0-00001-of-00003.gguf"
    assert sorted(shard.name for shard in path.parent.iterdir()) == [name.partition("/")[2] for name in sorted(files)]


def test_a_repository_without_gguf_gives_a_folder_without_pickles(server: Hub, cache: Path) -> None:
    texts = {name: name.encode() for name in ("config.json", "tokenizer.json", "LICENSE", "1_Pooling/config.json")}
    others = {
        "pytorch_model.bin": b"pickle",
        "model.py": b"code",
        "onnx/model.onnx": b"",
        "consolidated.safetensors": b"",
    }
    repo = server.add("org/minilm", Repo({**texts, **others, "model.safetensors": MODEL}))
    snapshot_download("org/minilm")  # as another program does, with everything
    server.forget()
    located = hub.locate("hf:org/minilm")
    assert located.is_folder
    assert located.is_here
    assert located.name == "minilm"
    assert located.provenance.files == {"model.safetensors": sha256(MODEL)}
    folder = fetched(located)
    found = {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    assert found == {**texts, "model.safetensors": MODEL}
    assert folder.name == "minilm"
    assert located.fetch(lambda *_: None) == folder
    assert not server.sent
    (cache / "models--org--minilm" / "snapshots" / repo.commit / "config.json").resolve().unlink()
    assert (hub.locate("hf:org/minilm").fetch(lambda *_: None) / "config.json").read_bytes() == b"config.json"


def test_a_damaged_small_file_of_the_cache_is_fetched_anew(server: Hub) -> None:
    server.add("org/st", Repo({"config.json": b"{}", "model.safetensors": b"weights"}))
    path = fetched(hub.locate("hf:org/st")) / "config.json"
    path.resolve().write_bytes(b"[]")
    assert (hub.locate("hf:org/st").fetch(lambda *_: None) / "config.json").read_bytes() == b"{}"


def test_small_files_are_held_against_the_id_of_git(server: Hub) -> None:
    server.add("org/st", Repo({"config.json": b"{}", "model.safetensors": b"weights"}))
    server.trouble["config.json"].append(Trouble(body=b"[]"))
    with pytest.raises(DownloadFailed, match=f"git's id of what came is {git_id(b'[]')}, expected {git_id(b'{}')}"):
        hub.locate("hf:org/st").fetch(lambda *_: None)
    assert (fetched(hub.locate("hf:org/st")) / "config.json").read_bytes() == b"{}"


def test_revisions(server: Hub, repo: Repo) -> None:
    old = Repo({"tiny-Q4_K_M.gguf": SMALL})
    server.add("org/tiny-GGUF", Repo(repo.files))
    server.repos["org/tiny-GGUF"].revisions["v1.0"] = repo.commit
    for text in (repo.commit, "v1.0", "refs/pr/1", "main"):
        assert hub.locate(f"hf:org/tiny-GGUF@{text}:Q8_0").provenance.revision == repo.commit
    assert old.commit != repo.commit
    with pytest.raises(
        ModelNotFound, match=r"no revision `v2`; see http://127.0.0.1:\d+/org/tiny-GGUF for its branches"
    ):
        hub.locate("hf:org/tiny-GGUF@v2")


def test_the_token_goes_to_the_hub_alone(server: Hub, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    server.add("org/private", Repo({"a.gguf": SMALL}, token=TOKEN))
    with pytest.raises(ModelNotFound, match="or it is private; check its name, or log in with `hf auth login`"):
        hub.locate("hf:org/private")
    (tmp_path / "token").write_text("hf_another-secret\n")
    with pytest.raises(ModelNotFound, match="or your token may not see it") as raised:
        hub.locate("hf:org/private")
    assert "another-secret" not in str(raised.value)
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    assert fetched(hub.locate("hf:org/private")).read_bytes() == SMALL
    lfs = [headers for _, path, headers in server.asked if path.startswith("/lfs/")]
    assert lfs
    assert not any("authorization" in headers for headers in lfs)
    monkeypatch.setenv("HF_TOKEN", "expired-secret")
    with pytest.raises(DownloadFailed, match="does not accept the token; log in anew") as failed:
        hub.locate("hf:org/private")
    assert "expired-secret" not in str(failed.value)


def test_a_gated_repository_says_where_to_agree(server: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    server.add("org/gated", Repo({"a.gguf": SMALL}, gated=True, token=TOKEN))
    with pytest.raises(
        DownloadFailed, match=r"agree to them at http://[\d.:]+/org/gated, and log in with `hf auth login`"
    ):
        hub.locate("hf:org/gated")
    monkeypatch.setenv("HF_TOKEN", "hf_of-somebody")
    with pytest.raises(DownloadFailed, match=r"agreed to the terms; agree to them at http://[\d.:]+/org/gated\.$"):
        hub.locate("hf:org/gated")
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    assert fetched(hub.locate("hf:org/gated")).read_bytes() == SMALL


def test_offline_the_same_name_means_the_same_files(server: Hub, repo: Repo, monkeypatch: pytest.MonkeyPatch) -> None:
    path = fetched(hub.locate("hf:org/tiny-GGUF"))
    server.forget()
    located = hub.locate("hf:org/tiny-GGUF", offline=True)
    assert located.note.startswith("hf:org/tiny-GGUF: offline, so the hub was not asked; using `tiny-Q4_K_M.gguf` at")
    assert (located.license, located.provenance.revision) == ("apache-2.0", repo.commit)
    assert fetched(located) == path
    assert hub.locate(f"hf:org/tiny-GGUF@{repo.commit}", offline=True).is_here
    with pytest.raises(DownloadFailed, match="was not asked, and the cache lacks files of it"):
        hub.locate("hf:org/tiny-GGUF:Q8_0", offline=True)
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    assert hub.locate("hf:org/tiny-GGUF").note
    with pytest.raises(DownloadFailed, match="nothing of it is in the cache; try again when the hub can be asked"):
        hub.locate("hf:org/other")
    assert not server.asked


@pytest.mark.parametrize("endpoint", ["http://127.0.0.1:9", ""])
def test_an_unreachable_hub(server: Hub, repo: Repo, monkeypatch: pytest.MonkeyPatch, endpoint: str) -> None:
    path = Path(hf_hub_download("org/tiny-GGUF", "tiny-Q8_0.gguf"))
    if endpoint:
        monkeypatch.setattr(constants, "ENDPOINT", endpoint)
    else:
        server.trouble["revision:org/tiny-GGUF"].extend([Trouble(503)] * 4)
    located = hub.locate("hf:org/tiny-GGUF")
    why = "the hub cannot be reached" if endpoint else "the hub answered 503"
    assert f"{why}; using `tiny-Q8_0.gguf` at commit {repo.commit[:12]}" in located.note
    assert located.provenance.files == {"tiny-Q8_0.gguf": sha256(SMALL)}
    assert fetched(located) == path


@pytest.mark.parametrize(
    "troubles",
    [[Trouble(503)] * 3, [Trouble(429, {"Retry-After": "0"})], [Trouble(500), Trouble(429, {"Retry-After": "x"})]],
    ids=["503", "429", "both"],
)
def test_a_busy_hub_is_asked_again(server: Hub, repo: Repo, troubles: list[Trouble]) -> None:
    server.trouble["revision:org/tiny-GGUF"].extend(troubles)
    server.trouble["tiny-Q4_K_M.gguf"].extend(troubles)
    assert fetched(hub.locate("hf:org/tiny-GGUF")).read_bytes() == MODEL
    assert server.sent["tiny-Q4_K_M.gguf"] == len(MODEL)


@pytest.mark.parametrize("body", [b"<html>log in</html>", b"[]", b'{"id": "x", "sha": "../../etc"}', b'"yes"'])
def test_what_is_no_hub(server: Hub, repo: Repo, body: bytes) -> None:
    server.trouble["revision:org/tiny-GGUF"].append(Trouble(200, body=body))
    with pytest.raises(DownloadFailed, match="does not speak as a hub does; check"):
        hub.locate("hf:org/tiny-GGUF")


def test_cut_connections_are_continued(server: Hub, repo: Repo) -> None:
    server.trouble["tiny-Q4_K_M.gguf"].extend(Trouble(cut_bytes=size) for size in (300_000, 500_000, 1))
    assert fetched(hub.locate("hf:org/tiny-GGUF")).read_bytes() == MODEL
    assert server.sent["tiny-Q4_K_M.gguf"] == len(MODEL)
    ranges = [headers.get("range") for _, path, headers in server.asked if path.startswith("/lfs/")]
    assert ranges == [None, "bytes=300000-", "bytes=800000-", "bytes=800001-"]


def test_what_an_ended_run_left_is_continued(server: Hub, repo: Repo) -> None:
    server.always["tiny-Q4_K_M.gguf"] = Trouble(cut_bytes=100_000)
    located = hub.locate("hf:org/tiny-GGUF")
    with pytest.raises(DownloadFailed, match="the connection ended after 400,000 of 1,280,000 bytes, in 4 tries"):
        located.fetch(lambda *_: None)
    server.always.clear()
    server.forget()
    assert not hub.locate("hf:org/tiny-GGUF").is_here
    assert fetched(hub.locate("hf:org/tiny-GGUF")).read_bytes() == MODEL
    assert server.sent["tiny-Q4_K_M.gguf"] == len(MODEL) - 400_000


def test_an_interrupted_run_leaves_what_the_next_one_continues(server: Hub, repo: Repo) -> None:
    def interrupt(_what: str, done: int, _total: int) -> None:
        if done > 600_000:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        hub.locate("hf:org/tiny-GGUF").fetch(interrupt)
    server.forget()
    assert fetched(hub.locate("hf:org/tiny-GGUF")).read_bytes() == MODEL
    begun = [headers["range"] for _, path, headers in server.asked if path.startswith("/lfs/")]
    assert all(int(range[len("bytes=") : -1]) > 600_000 for range in begun), "of a file that was whole, nothing"


def test_wrong_bytes_never_get_the_name(server: Hub, repo: Repo, cache: Path) -> None:
    wrong = MODEL[:-1] + b"?"
    server.always["tiny-Q4_K_M.gguf"] = Trouble(body=wrong)
    with pytest.raises(DownloadFailed, match=f"is {sha256(wrong)}, expected {sha256(MODEL)}, so it was removed"):
        hub.locate("hf:org/tiny-GGUF").fetch(lambda *_: None)
    assert not [path for path in cache.rglob("*") if path.is_file() and path.suffix not in (".lock", ".TAG")]


def test_a_partial_file_that_is_wrong_costs_one_more_try(server: Hub, repo: Repo) -> None:
    server.always["tiny-Q4_K_M.gguf"] = Trouble(cut_bytes=1000, body=b"?" * len(MODEL))
    with pytest.raises(DownloadFailed):
        hub.locate("hf:org/tiny-GGUF").fetch(lambda *_: None)
    server.always.clear()
    assert hub.locate("hf:org/tiny-GGUF").fetch(lambda *_: None).read_bytes() == MODEL


@pytest.mark.parametrize(
    ("trouble", "message"),
    [
        (Trouble(length=len(MODEL) + 7), "says it has 1,280,007 bytes, expected 1,280,000"),
        (Trouble(length=7), "says it has 7 bytes, expected 1,280,000"),
        (Trouble(body=b"<html>log in</html>"), "says it has 19 bytes, expected 1,280,000"),
        (Trouble(404), r"answered 404 \(Not Found\)"),
        (Trouble(403), "the hub does not let you"),
        (Trouble(302, {"Location": "http://example.com/"}), "redirects to http://example.com, which is not followed"),
        (Trouble(302, {"Location": "file:///etc/passwd"}), "redirects nowhere, which is not followed"),
        (Trouble(headers={"Content-Encoding": "gzip"}), "compresses the file"),
        (Trouble(503, {"Retry-After": "0"}), r"answered 503 \(Service Unavailable\), in 4 tries"),
    ],
)
def test_a_storage_that_lies_or_refuses(server: Hub, repo: Repo, trouble: Trouble, message: str) -> None:
    server.always["tiny-Q4_K_M.gguf"] = trouble
    with pytest.raises((DownloadFailed, ModelNotFound), match=message) as raised:
        hub.locate("hf:org/tiny-GGUF").fetch(lambda *_: None)
    assert str(raised.value).count("\n") == 0
    assert SECRET not in str(raised.value)
    server.always.clear()
    assert fetched(hub.locate("hf:org/tiny-GGUF")).read_bytes() == MODEL


def test_a_server_that_falls_silent(server: Hub, repo: Repo, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(web, "STALL_S", 0.1)
    server.trouble["tiny-Q4_K_M.gguf"].append(Trouble(pace_s=0.4))
    assert fetched(hub.locate("hf:org/tiny-GGUF")).read_bytes() == MODEL


def test_a_trickle(server: Hub, repo: Repo, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remote, "WINDOW_S", 0.05)
    monkeypatch.setattr(remote, "WINDOW_BYTES", 1 << 30)
    server.always["tiny-Q4_K_M.gguf"] = Trouble(pace_s=0.06)
    with pytest.raises(DownloadFailed, match="bytes came in 0 s, in 4 tries"):
        hub.locate("hf:org/tiny-GGUF").fetch(lambda *_: None)


def test_a_full_disk(server: Hub, repo: Repo, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remote, "RESERVE_BYTES", 1 << 60)
    with pytest.raises(DiskFull, match="1 MB are needed"):
        hub.locate("hf:org/tiny-GGUF").fetch(lambda *_: None)
    assert server.paths() == ["/api/models/org/tiny-GGUF/revision/main"]


def test_where_there_are_no_links_nothing_lies_twice(
    server: Hub, repo: Repo, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_SYMLINKS", True)
    path = fetched(hub.locate("hf:org/tiny-GGUF"))
    assert path.read_bytes() == MODEL
    assert not path.is_symlink()
    assert sum(found.stat().st_size for found in cache.rglob("*") if found.is_file()) < len(MODEL) + 1000
    assert hub.locate("hf:org/tiny-GGUF", offline=True).is_here
    assert Path(hf_hub_download("org/tiny-GGUF", "tiny-Q4_K_M.gguf", local_files_only=True)) == path


def test_no_telemetry(server: Hub, repo: Repo) -> None:
    close_session()
    fetched(hub.locate("hf:org/tiny-GGUF"))
    agents = {headers.get("user-agent", "") for _, _, headers in server.asked}
    assert all(agent.startswith("lmfile/") for agent in agents)
    assert not any("torch" in agent for agent in agents)
    assert {path.split("/")[1] for path in server.paths()} == {"api", "org", "lfs"}


def test_the_eyes_of_a_model(server: Hub, repo: Repo) -> None:
    assert fetched(hub.locate("hf:org/tiny-GGUF", role="mmproj")).read_bytes() == b"eyes"


def test_a_repository_that_was_renamed(server: Hub, repo: Repo) -> None:
    server.trouble["revision:me/old"].append(
        Trouble(307, {"Location": "/api/models/org/tiny-GGUF/revision/main?blobs=true"})
    )
    path = f"{repo.commit}/tiny-Q4_K_M.gguf"
    server.trouble["resolve:me/old"].append(Trouble(307, {"Location": f"/org/tiny-GGUF/resolve/{path}"}))
    assert fetched(hub.locate("hf:me/old")).read_bytes() == MODEL


def test_only_pickles(server: Hub) -> None:
    server.add("org/old", Repo({"config.json": b"{}", "pytorch_model.bin": b"pickle"}))
    with pytest.raises(ModelUnsupported, match="only as pickles, which are programs and are never loaded"):
        hub.locate("hf:org/old")
