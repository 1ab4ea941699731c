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

    Raises: PayloadDamaged if one of them is not in the central directory.
    """

    def __init__(self, payload: Payload) -> None:
        self._payload = payload
        self._crc32s = _crc32s(payload)

    def taken(self, member: Member) -> Slice:
        """The bytes of `member`, where they lie. Raises: SidecarMissing, PayloadDamaged."""
        crc32 = member.crc32 if member.aside else self._crc32s[member.path]
        return Slice(self._payload.file_of(member), member.offset, member.size, Digests(member.sha256, crc32))


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
