"""The licence texts that go into an executable: of models, folders and the publisher, under names that are safe."""

from pathlib import Path

from bundler.explain import licences, spdx
from bundler.recipe import LicenseText
from runtime.payload import Model
from runtime.payload.manifest import is_safe

MODEL = Model("chat", "models/a b.gguf", "llama", "Ada", 64, 64, "F16", "apache-2.0", {"source": "hf:org/repo"})


def test_each_model_has_its_notice() -> None:
    projector = MODEL._replace(role="mmproj", path="mmproj/eyes.gguf", license="llama3.2")
    texts = licences.of_models([MODEL, projector], {projector.path: [LicenseText("LICENSE", "All of it.\n")]})
    assert set(texts) == {"models/a b.txt", "mmproj/eyes.txt"}
    first, second = (texts[name].decode() for name in ("models/a b.txt", "mmproj/eyes.txt"))
    assert "states it: Apache-2.0\nSource: hf:org/repo\n" in first
    assert "is in LICENSES/lmfile.txt" in first
    assert "states it: llama3.2\n" in second
    assert second.endswith("----- LICENSE -----\n\nAll of it.\n")


def test_the_licences_of_a_folder(tmp_path: Path) -> None:
    for name in ("LICENSE", "license.md", "NOTICE.txt", "USE_POLICY.md", "licence.py", "README.md", "LICENSE.bin"):
        (tmp_path / name).write_bytes(name.encode() + b"\xff")
    (tmp_path / "COPYING").write_bytes(b"x" * (licences.MAX_TEXT_BYTES + 1))
    (tmp_path / "LICENSES").mkdir()
    found = licences.in_folder(tmp_path)
    assert [text.name for text in found] == ["LICENSE", "NOTICE.txt", "USE_POLICY.md", "license.md"]
    assert found[0].text == "LICENSE\ufffd"


def test_what_the_publisher_adds() -> None:
    names = ["LICENSE", "LICENSE", "a.md", "a.md", "a.md", "../../x", "..", "", "c:\\d|e", "n" * 500, "\x1b[2J"]
    texts = licences.of_publisher([LicenseText(name, str(number)) for number, name in enumerate(names)])
    assert len(texts) == len(names)
    assert all(is_safe(f"LICENSES/{name}") and name.startswith("publisher/") for name in texts)
    assert [text.decode() for text in texts.values()] == [str(number) for number in range(len(names))]
    assert {"publisher/LICENSE", "publisher/LICENSE-2", "publisher/a.md", "publisher/a-3.md"} <= set(texts)


def test_licences_by_their_names() -> None:
    assert spdx.identifier(" APACHE-2.0 ") == "Apache-2.0"
    assert spdx.identifier("cc-by-nc-4.0") == "CC-BY-NC-4.0"
    assert spdx.identifier("llama3.2") == ""
    assert spdx.licences("not stated") == spdx.licences("") == []
