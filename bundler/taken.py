"""Takes members out of an executable as they lie there, with the digests that it knows of them: nothing is read.

The digests are those that were packed. Where the file was damaged since, what is made of it fails `lmfile verify`.
"""

from bundler.content import Slice
from bundler.digests import Digests
from runtime.errors import PayloadDamaged
from runtime.payload import Member, Payload
from runtime.payload.records import central_entries


class Members:
    """The members of one executable, each as a range of it or of its sidecar.

    A sidecar has no crc32 of its members, and needs none: what goes from there into an executable is hashed, and with
    stays_aside nothing is. Raises: PayloadDamaged if one of them is not in the central directory.
    """

    def __init__(self, payload: Payload, stays_aside: bool = False) -> None:
        self._payload = payload
        self._stays_aside = stays_aside
        self._crc32s = _crc32s(payload)

    def taken(self, member: Member) -> Slice:
        """The bytes of `member`, where they lie. Raises: SidecarMissing, PayloadDamaged."""
        digests: Digests | None = Digests(member.sha256, self._crc32s.get(member.path, 0))
        if member.aside and not self._stays_aside:
            digests = None
        return Slice(self._payload.file_of(member), member.offset, member.size, digests)


def _crc32s(payload: Payload) -> dict[str, int]:
    start = payload.footer.manifest_size
    try:
        if signature := payload.signature_entry():
            start = signature.data_offset() + signature.size - payload.footer.manifest_offset
        found = {entry.name: entry.crc32 for entry in central_entries(payload.tail[start:])}
    except ValueError as error:
        raise PayloadDamaged(payload.path, str(error)) from error
    for member in payload.manifest.members:
        if not member.aside and member.path not in found:
            raise PayloadDamaged(payload.path, f"its central directory does not list `{member.path}`")
    return found
