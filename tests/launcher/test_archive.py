"""What the launcher takes from a tar archive, and what it refuses though its checksum is right."""

import hashlib
import io
import stat
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest
import zstandard

from tests.launcher.sample import MTIME_S, Sample, compiled, member, nothing_extracted, pack, squeeze, start, tar
from tests.running import run, sentence

Member = tuple[tarfile.TarInfo, bytes]
Make = Callable[..., Sample]


@pytest.fixture
def lmfile(stub: Path, probe: Path, tmp_path: Path) -> Make:
    """Packs an lmfile with further members, or with an image given as it is."""
    program = member("bin/lmfile", probe.read_bytes(), 0o755)

    def make(*members: Member, image: bytes | None = None, form: int = tarfile.PAX_FORMAT) -> Sample:
        members = (program, *members)
        files = {info.name: content for info, content in members if info.isreg()}
        image = image if image is not None else squeeze(tar(members, form))
        path = pack(tmp_path / "it", stub, image, sum(len(content) for _, content in members))
        return Sample(path, hashlib.sha256(image).hexdigest(), files)

    return make


def test_names_sizes_dates_and_modes(lmfile: Make, cache: Path) -> None:
    long_name = "/".join(["directory-with-a-long-name"] * 12) + "/file"
    it = lmfile(
        member("lib/a", b"x" * 512),
        member("lib/b", b"x" * 513),
        member("lib/c", b"", mtime=0),
        member("lib/dir", type=tarfile.DIRTYPE, mode=0o500),
        member("lib/dir/d", b"d", mode=0o777),
        member("lib/sub/réseau ✓ 'q'.pyc", b"net"),
        member(long_name, b"long"),
        member("n" * 155 + "/" + "m" * 100, b"prefix"),
        member("e" * 255, b"longest component"),
        member("lib/..hidden..", b"dots"),
    )
    assert start(it, cache=cache).status == 0
    for name, content in it.files.items():
        path = it.directory(cache) / name
        status = path.stat()
        assert path.read_bytes() == content
        assert status.st_mtime_ns == (0 if name == "lib/c" else MTIME_S) * 1_000_000_000
        assert stat.S_IMODE(status.st_mode) == (0o700 if name in ("bin/lmfile", "lib/dir/d") else 0o600)


def test_ustar_without_pax(lmfile: Make, cache: Path) -> None:
    it = lmfile(member("p" * 150 + "/" + "n" * 99, b"split"), form=tarfile.USTAR_FORMAT)
    assert start(it, cache=cache).status == 0
    assert (it.directory(cache) / ("p" * 150) / ("n" * 99)).read_bytes() == b"split"


def link(name: str, target: str) -> Member:
    return member(name, type=tarfile.SYMTYPE, linkname=target)


def test_links_inside(lmfile: Make, cache: Path) -> None:
    long_target = "d" * 120 + "/lib.so.1.2.3"
    it = lmfile(
        member(long_target, b"library"),
        link("lib.so", long_target),
        link("a/b/back.so", "../../lib.so"),
        member("a/c", b"c"),
        link("a/b/c", "../c"),
        link("dangling", "not/there"),
    )
    assert start(it, cache=cache).status == 0
    directory = it.directory(cache)
    assert (directory / "a/b/back.so").read_bytes() == b"library"
    assert (directory / "a/b/c").read_bytes() == b"c"
    assert (directory / "lib.so").readlink() == Path(long_target)
    (directory / "lib.so").unlink()
    done = start(it, cache=cache)
    assert "lib.so` was changed or removed" in done.err
    assert (directory / "lib.so").readlink() == Path(long_target)


NAME = "a name in its archive is not allowed"
LINK = "a link in its archive leads outside"
KIND = "its archive holds something other than files, directories and links"

REFUSED = {
    "absolute name": (member("/etc/evil", b"x"), NAME),
    "parent": (member("../evil", b"x"), NAME),
    "parent inside": (member("lib/../../evil", b"x"), NAME),
    "parent at the end": (member("lib/..", b"x"), NAME),
    "dot": (member("./evil", b"x"), NAME),
    "empty part": (member("lib//evil", b"x"), NAME),
    "no name": (member("", b"x"), NAME),
    "backslash": (member("lib\\..\\evil", b"x"), NAME),
    "drive": (member("C:evil", b"x"), NAME),
    "line end": (member("lib/a\nf 1 0 b", b"x"), NAME),
    "escape": (member("lib/\x1b[2J", b"x"), NAME),
    "too long a part": (member("n" * 256, b"x"), NAME),
    "absolute directory": (member("/", type=tarfile.DIRTYPE), NAME),
    "parent directory": (member("..", type=tarfile.DIRTYPE), NAME),
    "absolute link": (link("l", "/etc/passwd"), LINK),
    "link to parent": (link("l", "../x"), LINK),
    "link too high": (link("a/b/l", "../../../x"), LINK),
    "link down and up": (link("l", "a/../../x"), LINK),
    "link to a directory above": (link("a/l", ".."), LINK),
    "empty link": (link("l", ""), LINK),
    "long link outside": (link("l", "../" * 40 + "etc/passwd"), LINK),
    "hard link": (member("l", type=tarfile.LNKTYPE, linkname="bin/lmfile"), KIND),
    "fifo": (member("f", type=tarfile.FIFOTYPE), KIND),
    "device": (member("d", type=tarfile.CHRTYPE, devmajor=1, devminor=3), KIND),
    "block device": (member("d", type=tarfile.BLKTYPE), KIND),
    "contiguous file": (member("c", b"x", type=tarfile.CONTTYPE), KIND),
    "unknown type": (member("u", type=b"Z"), KIND),
}


@pytest.mark.parametrize("case", REFUSED)
def test_refused_members(case: str, lmfile: Make, cache: Path, tmp_path: Path) -> None:
    bad, reason = REFUSED[case]
    it = lmfile(bad)
    before = sorted(tmp_path.rglob("*"))
    said = sentence(start(it, cache=cache), 30)
    assert said == f"Reading `{it.path}`: {reason}; download the file again."
    assert nothing_extracted(cache)
    outside = [path for path in tmp_path.rglob("*") if cache not in path.parents and path != cache]
    assert sorted(outside) == before


def test_a_file_through_a_link(lmfile: Make, cache: Path) -> None:
    it = lmfile(member("real/a", b"a"), link("l", "real"), member("l/b", b"b"))
    said = sentence(start(it, cache=cache), 31)
    assert "/l`: Not a directory" in said
    assert nothing_extracted(cache)


@pytest.mark.parametrize("second", [member("lib/a", b"2"), link("lib/a", "b"), member("lib/a/b", b"2")])
def test_a_name_twice(second: Member, lmfile: Make, cache: Path) -> None:
    it = lmfile(member("lib/a", b"1"), second)
    assert "lib/a" in sentence(start(it, cache=cache), 31)
    assert nothing_extracted(cache)


def broken(lmfile: Make, cache: Path, image: bytes) -> str:
    it = lmfile(image=image)
    said = sentence(start(it, cache=cache), 30)
    assert nothing_extracted(cache)
    return said.removeprefix(f"Reading `{it.path}`: ").removesuffix("; download the file again.")


def plain(probe: Path, *members: Member) -> bytes:
    return tar([member("bin/lmfile", probe.read_bytes(), 0o755), *members])


def test_images_that_are_cut_though_their_checksum_is_right(lmfile: Make, cache: Path, probe: Path) -> None:
    image = squeeze(plain(probe))
    assert broken(lmfile, cache, image[:-1]) == "its runtime image ends in the middle"
    assert broken(lmfile, cache, image[: len(image) // 2]) == "its runtime image ends in the middle"
    assert broken(lmfile, cache, squeeze(plain(probe)[:1000])) == "its archive ends in the middle"
    assert broken(lmfile, cache, squeeze(plain(probe)[:512])) == "its archive ends in the middle"
    assert broken(lmfile, cache, squeeze(b"")) == "its archive ends in the middle"


def test_images_that_are_none(lmfile: Make, cache: Path, probe: Path) -> None:
    assert "Unknown frame descriptor" in broken(lmfile, cache, b"not compressed at all")
    assert broken(lmfile, cache, squeeze(b"x" * 1024)) == "its archive has a damaged header"
    data = bytearray(plain(probe))
    data[10] ^= 1
    assert broken(lmfile, cache, squeeze(bytes(data))) == "its archive has a damaged header"


def test_a_window_beyond_128_mib(lmfile: Make, cache: Path) -> None:
    parameters = zstandard.ZstdCompressionParameters.from_level(1, window_log=28)
    buffer = io.BytesIO()
    with zstandard.ZstdCompressor(compression_params=parameters).stream_writer(buffer, closefd=False) as out:
        out.write(bytes(1 << 16))
    assert "too much memory" in broken(lmfile, cache, buffer.getvalue())


@pytest.mark.parametrize(
    "record", [b"", b"9 path=\n", b"99 path=a\n", b"xx path=a\n", b"8 patha\n", b"0 path=a\n", b"12 size=-x-\n"]
)
def test_damaged_pax_records(record: bytes, lmfile: Make, cache: Path, probe: Path) -> None:
    extended = member("PaxHeader", record, type=tarfile.XHDTYPE)
    image = squeeze(plain(probe, extended, member("a", b"")))
    said = broken(lmfile, cache, image)
    assert "is malformed" in said or said == NAME


def test_gnu_extensions_are_refused(lmfile: Make, cache: Path) -> None:
    it = lmfile(member("n/" * 100 + "a", b"x"), form=tarfile.GNU_FORMAT)
    assert "its archive has a damaged header" in sentence(start(it, cache=cache), 30)


def test_random_bytes_never_crash_the_reader(tmp_path: Path, stub: Path, probe: Path) -> None:
    """10,000 mutated archives through the reader alone, built with the compiler's checks for undefined behaviour."""
    here, source = Path(__file__).resolve().parent, Path(__file__).resolve().parents[2] / "build" / "launcher"
    parts = [here / "untar_fuzz.c", *(source / name for name in ("untar.c", "names.c", "text.c"))]
    flags = ["-I", source, "-D_GNU_SOURCE", "-fsanitize=undefined", "-fno-sanitize-recover=all"]
    program = compiled(tmp_path, parts, "x86_64-linux-musl", "-static", *flags)
    seed = tmp_path / "seed.tar"
    seed.write_bytes(tar([member("a/" * 60 + "é", b"x" * 700), link("l", "a/b"), member("b", b"y" * 100)]))
    done = run([program, seed, "10000"])
    assert done.status == 0, done
    assert 2000 < int(done.out) < 8000, "mutations of contents are taken, of headers refused"
