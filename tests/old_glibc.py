"""Debian 11's glibc 2.31 (or Ubuntu 20.04's), out of its package: what the executable must run with at least.

The package comes from the mirror that this computer's own packages come from, and is pinned by its hash.
"""

import hashlib
import io
import lzma
import subprocess
import tarfile
import urllib.error
import urllib.request
from pathlib import Path

from bundler import store

PLACE = "pool/main/g/glibc"
PACKAGES = {
    "libc6_2.31-13+deb11u11_amd64.deb": "05f7264da867b37f4c5ce49266b558ea1e81e05a9464f623152fca70f3550282",
    "libc6_2.31-0ubuntu9.18_amd64.deb": "1b2281aac4935dfea1f89dfc19e445fdbb45303202af60679ccb8bf035f081a0",
}
LOADER = "ld-2.31.so"
TIMEOUT_S = 120


def libraries() -> Path:
    """The directory with the loader `ld-2.31.so`, libc.so.6 and the rest; fetched and unpacked once."""

    def make(staging: Path) -> None:
        with tarfile.open(fileobj=io.BytesIO(lzma.decompress(_member(_package(), b"data.tar.xz")))) as tar:
            wanted = [member for member in tar if "/lib/x86_64-linux-gnu/" in member.name]
            tar.extractall(staging, wanted, filter="tar")

    folder = store.once("tests", store.recipe_hash("glibc 2.31", PACKAGES), make)
    return folder / "lib" / "x86_64-linux-gnu"


def prefix() -> list[str | Path]:
    """The start of a command line that runs a program with this loader and these libraries."""
    folder = libraries()
    return [folder / LOADER, "--library-path", folder]


def _package() -> bytes:
    tried = []
    for site in _mirrors():
        for name, sha256 in PACKAGES.items():
            address = f"{site}/{PLACE}/{name.replace('+', '%2B')}"
            tried.append(address)
            try:
                with urllib.request.urlopen(address, timeout=TIMEOUT_S) as answer:
                    data: bytes = answer.read()
            except urllib.error.HTTPError:
                continue  # the mirror of another distribution
            if hashlib.sha256(data).hexdigest() == sha256:
                return data
    raise LookupError(f"no mirror has a pinned package of glibc 2.31; tried: {', '.join(tried) or 'none'}")


def _mirrors() -> list[str]:
    listed = subprocess.run(
        ["apt-get", "indextargets", "--format", "$(SITE)"], capture_output=True, text=True, check=True, timeout=60
    )
    return sorted(set(listed.stdout.split()))


def _member(package: bytes, name: bytes) -> bytes:
    """One file of a .deb, which is an ar archive: headers of 60 bytes, contents at even offsets."""
    position = 8
    while position < len(package):
        header = package[position : position + 60]
        size = int(header[48:58])
        if header[:16].rstrip(b" /") == name:
            return package[position + 60 : position + 60 + size]
        position += 60 + size + size % 2
    raise LookupError(f"the package has no {name.decode()}")
