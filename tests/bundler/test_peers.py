"""What `make peers` says where it cannot work."""

from pathlib import Path

import pytest

from bundler import peers
from runtime.errors import BuildFailed


def test_a_missing_compiler_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(BuildFailed, match=r"`gcc` is not installed; on Debian `apt install g\+\+` brings it"):
        peers.peers()


def test_links_stay_links_and_old_programs_go(tmp_path: Path) -> None:
    built, target = tmp_path / "built", tmp_path / "dist" / "peers"
    built.mkdir()
    target.mkdir(parents=True)
    (target / "old").touch()
    (built / "libx.so.0").write_bytes(b"library")
    (built / "libx.so").symlink_to("libx.so.0")
    peers.copy(built, target)
    assert sorted(path.name for path in target.iterdir()) == ["libx.so", "libx.so.0"]
    assert (target / "libx.so").is_symlink()
    assert (target / "libx.so").read_bytes() == b"library"
