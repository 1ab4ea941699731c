"""Weights at an address, from a server that fails as servers do."""

import datetime
import hashlib
import ipaddress
import ssl
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from bundler import store
from bundler.sources import address, remote, web
from runtime.errors import DownloadFailed, UsageError
from tests.hub_server import Hub, Trouble, sha256
from tests.hub_server import hub as running_hub

MODEL = hashlib.sha256(b"weights").digest() * 20_000  # 640 kB
HASH = sha256(MODEL)


@pytest.fixture(scope="module")
def server() -> Iterator[Hub]:
    with running_hub() as server:
        yield server


@pytest.fixture(autouse=True)
def _impatient(server: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    server.trouble.clear()
    server.always.clear()
    server.forget()
    server.plain.clear()
    server.plain["a.gguf"] = MODEL
    monkeypatch.setattr(remote, "WAITS_S", (0.0, 0.01, 0.02))


@pytest.fixture
def url(server: Hub) -> str:
    return f"{server.storage}/plain/a.gguf"


def fetch(url: str, sha256: str = HASH) -> Path:
    return address.locate(url, sha256).fetch(lambda *_: None)


def test_locating_asks_for_the_head_alone(server: Hub, url: str) -> None:
    located = address.locate(f"{url}?token=secret#sha256={HASH.upper()}")
    assert (located.size_bytes, located.is_here, located.name, located.text) == (len(MODEL), False, "a", url)
    assert located.provenance.plain() == {"source": url, "files": {"a.gguf": HASH}}
    assert [method for method, _, _ in server.asked] == ["HEAD"]
    assert not server.sent


def test_a_file_comes_once(server: Hub, url: str) -> None:
    steps: list[tuple[str, int, int]] = []
    path = address.locate(url, HASH).fetch(lambda *step: steps.append(step))
    assert path.name == "a.gguf"
    assert path.read_bytes() == MODEL
    assert steps[-1] == ("a.gguf", len(MODEL), len(MODEL))
    assert sorted(found.name for found in path.parent.iterdir()) == ["a.gguf", "a.gguf.lock"]
    server.forget()
    again = address.locate(url, HASH)
    assert again.is_here
    assert again.fetch(lambda *_: None) == path
    assert not server.asked


def test_a_server_that_lets_nobody_ask_for_heads(server: Hub, url: str) -> None:
    server.trouble["a.gguf"].append(Trouble(403))
    assert address.locate(url, HASH).size_bytes == len(MODEL)
    assert not address.locate(url, HASH).is_here


def test_continued_if_it_is_still_the_same(server: Hub, url: str) -> None:
    server.always["a.gguf"] = Trouble(cut_bytes=65_536)
    with pytest.raises(
        DownloadFailed, match="the connection ended after 262,144 of 640,000 bytes, in 4 tries; check the"
    ):
        fetch(url)
    server.always.clear()
    server.forget()
    assert fetch(url).read_bytes() == MODEL
    assert server.sent["a.gguf"] == len(MODEL) - 262_144
    assert server.asked[-1][2]["if-range"] == f'"{HASH[:16]}"'


def test_begun_anew_if_it_has_changed(server: Hub, url: str) -> None:
    server.plain["a.gguf"] = b"x" * len(MODEL)
    server.always["a.gguf"] = Trouble(cut_bytes=65_536)
    with pytest.raises(DownloadFailed):
        fetch(url)
    server.plain["a.gguf"] = MODEL
    server.always.clear()
    assert fetch(url).read_bytes() == MODEL


def test_a_whole_partial_file_is_not_asked_for(server: Hub, url: str) -> None:
    target = store.cache_dir("downloads") / HASH[:16] / "a.gguf"
    target.parent.mkdir()
    target.with_name("a.gguf.partial").write_bytes(MODEL)
    assert fetch(url) == target
    assert not server.paths("GET")


def test_a_longer_partial_file_than_the_file(server: Hub, url: str) -> None:
    target = store.cache_dir("downloads") / HASH[:16] / "a.gguf"
    target.parent.mkdir()
    target.with_name("a.gguf.partial").write_bytes(b"x" * (len(MODEL) + 5))
    assert fetch(url).read_bytes() == MODEL


def test_a_server_without_ranges_begins_anew(server: Hub, url: str) -> None:
    server.trouble["a.gguf"].extend([Trouble(), Trouble(cut_bytes=65_536), Trouble(ranges=False)])
    assert fetch(url).read_bytes() == MODEL
    assert server.sent["a.gguf"] == len(MODEL) + 65_536


def test_a_wrong_file_is_removed(server: Hub, url: str) -> None:
    server.plain["a.gguf"] = b"other"
    with pytest.raises(DownloadFailed, match=f"sha256 of what came is {sha256(b'other')}, expected {HASH}") as raised:
        fetch(url)
    assert str(raised.value).endswith("check the hash and the address, or ask their publisher.")
    assert [path.name for path in (store.cache_dir("downloads") / HASH[:16]).iterdir()] == ["a.gguf.lock"]


def test_two_at_once_fetch_once(server: Hub, url: str) -> None:
    server.always["a.gguf"] = Trouble(pace_s=0.01)
    located = [address.locate(url, HASH) for _ in range(2)]
    together = threading.Barrier(2)

    def fetched(index: int) -> Path:
        together.wait(5)
        return located[index].fetch(lambda *_: None)

    with ThreadPoolExecutor(2) as pool:
        assert [path.read_bytes() == MODEL for path in pool.map(fetched, range(2))] == [True, True]
    assert server.sent["a.gguf"] == len(MODEL)


def test_credentials_reach_their_server_and_no_message(server: Hub, url: str) -> None:
    private = url.replace("http://", "http://me:p%40ss@") + "?key=hidden"
    server.trouble["a.gguf"].extend([Trouble(302, {"Location": f"{server.endpoint}/elsewhere"})] * 2)
    with pytest.raises(DownloadFailed, match=r"answered 404 \(Not Found\); check the address") as raised:
        fetch(private)
    assert not {"me", "p@ss", "p%40ss", "hidden"} & set(str(raised.value).replace("/", " ").split())
    assert "hidden" not in str(raised.value)
    assert all(("authorization" in headers) == path.startswith("/plain") for _, path, headers in server.asked)
    assert fetch(private).read_bytes() == MODEL


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("https://h.example/a.gguf", r"add its hash as `#sha256=HEX` to the address or as `sha256` in the recipe\.$"),
        ("https://h.example/a.gguf#sha256=12", "not 64 hexadecimal digits"),
        ("http://h.example/a.gguf#sha256=" + HASH, "plain HTTP is only for servers on this computer"),
        ("https://huggingface.co/o/r/resolve/main/a.gguf", "or write `hf:o/r/a.gguf`, whose hash the hub knows"),
        ("https://huggingface.co/o/r/blob/v1/b/a.gguf?download=true", "or write `hf:o/r@v1/b/a.gguf`"),
        ("https:///a.gguf", "it names no server; write it as https://HOST/PATH"),
        ("https://h:99999/a.gguf", "Port out of range"),
        ("https://h.example/a b.gguf", "encode them"),
        ("https://h.example/ä.gguf", "encode them"),
    ],
)
def test_what_makes_no_sense(text: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        address.locate(text)


def test_two_hashes() -> None:
    with pytest.raises(UsageError, match="two different sha256"):
        address.locate("https://h.example/a.gguf#sha256=" + HASH, "0" * 64)


@pytest.mark.parametrize(
    ("location", "message"),
    [
        ("http://h.example/a.gguf", "redirects to http://h.example, which is not followed"),
        ("ftp://h.example/a.gguf", "redirects to ftp://h.example, which is not followed"),
        ("", "redirects nowhere"),
        ("a.gguf", "redirects more than 10 times"),
    ],
)
def test_redirects(server: Hub, url: str, location: str, message: str) -> None:
    server.always["a.gguf"] = Trouble(302, {"Location": location} if location else {})
    with pytest.raises(DownloadFailed, match=message):
        fetch(url)


def test_secure_addresses_lead_to_no_plain_one(monkeypatch: pytest.MonkeyPatch) -> None:
    for target in ("http://127.0.0.1/a", "http://h.example/a"):
        with pytest.raises(DownloadFailed, match="not followed"):
            web._next("https://h.example/a", target, "x")
    assert web._next("https://h.example/a", "//other.example/b#c", "x") == "https://other.example/b"


def test_nobody_listens() -> None:
    with pytest.raises(DownloadFailed, match=r"`http://127.0.0.1:9/a.gguf`: connection refused; check the network"):
        fetch("http://127.0.0.1:9/a.gguf")


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    """One for this computer, signed by itself, with its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "a test")])
    now = datetime.datetime.now(datetime.UTC)
    local = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    builder = x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
    builder = builder.not_valid_before(now - datetime.timedelta(days=1)).not_valid_after(
        now + datetime.timedelta(days=1)
    )
    signed = builder.add_extension(local, critical=False).sign(key, hashes.SHA256())
    plain = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    path = tmp_path / "certificate.pem"
    path.write_bytes(signed.public_bytes(serialization.Encoding.PEM) + key.private_bytes(*plain))
    return path


def test_https(certificate: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    with running_hub(context) as secure:
        secure.plain["a.gguf"] = MODEL
        url = f"{secure.storage}/plain/a.gguf"
        web._opener.cache_clear()
        with pytest.raises(DownloadFailed, match=r"the server's certificate is not valid \(self.signed certificate\)"):
            fetch(url)
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
        web._opener.cache_clear()
        secure.trouble["a.gguf"].extend([Trouble(), Trouble(cut_bytes=65_536)])
        assert fetch(url).read_bytes() == MODEL
        assert secure.sent["a.gguf"] == len(MODEL)
        secure.always["b.gguf"] = Trouble(302, {"Location": f"{secure.endpoint}/plain/a.gguf"})
        with pytest.raises(DownloadFailed, match=r"redirects to http://127.0.0.1, which is not followed"):
            fetch(url.replace("/a.", "/b."), "0" * 64)
    web._opener.cache_clear()
