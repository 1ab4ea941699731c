"""Opens an executable and finds its members, trusting nothing that its hashes do not cover.

Opening reads the last 128 bytes and the tail (manifest and central directory, some tens of
kilobytes): 0.3 ms for any size of file. Members are read at their offsets; the bytes of
a large one are checked by `verify` alone.
"""

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from runtime.errors import PayloadDamaged
from runtime.payload import sidecar
from runtime.payload.decoding import decode
from runtime.payload.footer import FOOTER_BYTES, Footer
from runtime.payload.manifest import RUNTIME_NAME, SIGNATURE_NAME, Manifest, Member
from runtime.payload.records import Entry, local_entry

MAX_SIGNATURE_BYTES = 16 << 10
MAX_TAIL_BYTES = 64 << 20
MAX_READ_BYTES = 64 << 20

Progress = Callable[[str, int, int], None]
"""Called with (what, bytes done, bytes in all)."""


class Finding(NamedTuple):
    """One place where the file is not what it should be."""

    part: str
    offset: int
    problem: str


class Payload:
    """An executable whose footer and tail have been checked."""

    def __init__(self, path: Path, size_bytes: int, footer: Footer, manifest: Manifest, tail: bytes) -> None:
        self.path = path
        self.size_bytes = size_bytes
        self.footer = footer
        self.manifest = manifest
        self.tail = tail
        self._members = {member.path: member for member in manifest.members}
        self._sidecar: Path | None = None

    @property
    def manifest_bytes(self) -> bytes:
        """The manifest as it stands in the file: what a publisher signs."""
        return self.tail[: self.footer.manifest_size]

    @property
    def signature(self) -> bytes | None:
        """The publisher's signature of the manifest, unchecked; None without one. Raises: PayloadDamaged."""
        try:
            entry = self.signature_entry()
        except ValueError as error:
            raise PayloadDamaged(self.path, str(error)) from error
        if entry is None:
            return None
        end = entry.data_offset() + entry.size - self.footer.manifest_offset
        return self.tail[end - entry.size : end]

    def signature_entry(self) -> Entry | None:
        """Where the signature stands, behind the manifest; None without one. Raises: ValueError if it cannot be one."""
        start = self.footer.manifest_size
        entry = local_entry(self.tail[start : start + 1000], self.footer.manifest_offset + start)
        if entry is None:
            return None
        end = entry.data_offset() + entry.size - self.footer.manifest_offset
        if entry.name != SIGNATURE_NAME or entry.size > MAX_SIGNATURE_BYTES or end > len(self.tail):
            raise ValueError(f"what follows its manifest is no `{SIGNATURE_NAME}`")
        return entry

    @classmethod
    def open(cls, path: Path | str) -> "Payload":
        """Read and check footer, tail and manifest.

        Raises: PayloadDamaged if they are not those of a whole executable; OSError if it cannot be read.
        """
        path = Path(path)
        try:
            with path.open("rb") as file:
                size = file.seek(0, 2)
                file.seek(max(size - FOOTER_BYTES, 0))
                footer = Footer.unpack(file.read(FOOTER_BYTES))
                tail_size = size - FOOTER_BYTES - footer.manifest_offset
                if not 0 < footer.manifest_size < tail_size <= MAX_TAIL_BYTES:
                    raise ValueError("its footer points outside the file: it was cut off or added to")
                file.seek(footer.manifest_offset)
                tail = file.read(tail_size)
            if hashlib.sha256(tail).digest() != footer.tail_sha256:
                raise ValueError("its manifest or central directory was changed")
            manifest = decode(tail[: footer.manifest_size], footer.manifest_offset)
            payload = cls(path, size, footer, manifest, tail)
            payload._check_runtime()
        except ValueError as error:
            raise PayloadDamaged(path, str(error)) from error
        return payload

    def member(self, path: str) -> Member | None:
        """The member of this name, or None."""
        return self._members.get(path)

    def by_role(self, role: str) -> list[Member]:
        """The members of one role, in file order."""
        return [member for member in self.manifest.members if member.role == role]

    def file_of(self, member: Member) -> Path:
        """The file in which `member.offset` counts: the executable, or its sidecar, looked for the first time.

        Raises: SidecarMissing; PayloadDamaged if it is not whole.
        """
        if not member.aside or self.manifest.sidecar is None:
            return self.path
        if self._sidecar is None:
            self._sidecar = sidecar.find(self.path, self.manifest.sidecar)
        return self._sidecar

    def read(self, member: Member) -> bytes:
        """The bytes of a small member, checked. Raises: PayloadDamaged if they are not the packed ones."""
        if member.size > MAX_READ_BYTES:
            raise PayloadDamaged(self.path, f"`{member.path}` has {member.size} bytes, too many to read at once")
        with self.file_of(member).open("rb") as file:
            file.seek(member.offset)
            data = file.read(member.size)
        if hashlib.sha256(data).hexdigest() != member.sha256:
            raise PayloadDamaged(self.path, f"the bytes of `{member.path}` were changed")
        return data

    def verify(self, progress: Progress) -> list[Finding]:
        """Hold every byte of the file, and of its sidecar, against its hash; an empty list: all are as packed.

        `open` has checked the footer and the tail; this checks the rest.
        """
        from runtime.payload.verify import verify  # a start never needs it

        return verify(self, progress)

    def _check_runtime(self) -> None:
        footer, member = self.footer, self.member(RUNTIME_NAME)
        said = (footer.runtime_offset, footer.runtime_size, footer.runtime_sha256.hex())
        if member is None or member.aside or said != (member.offset, member.size, member.sha256):
            raise ValueError("its footer and its manifest name different runtimes")
