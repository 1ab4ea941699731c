"""Writes what stands behind the members: manifest, signature, central directory, end records, footer.

Readers look for the end record's magic from the file's end, so it must not occur in the footer
behind it. A space after the JSON changes the footer's hash where it would; under a signature
the JSON cannot change any more, and two seconds in the date of the signature do it.
"""

import hashlib
import zlib
from collections.abc import Sequence
from typing import NamedTuple

from bundler.places import entry
from runtime.payload import FOOTER_BYTES, MANIFEST_NAME, Footer
from runtime.payload.manifest import SIGNATURE_NAME
from runtime.payload.records import END_MAGIC, Entry, end_records


class Image(NamedTuple):
    """What the footer says of the runtime image: where it lies, its digest, and its size unpacked, in bytes."""

    offset: int
    size: int
    unpacked: int
    sha256: str


def tail(manifest: bytes, entries: Sequence[Entry], image: Image, offset: int, seconds: int) -> bytes:
    """All that follows the members `entries`, from byte `offset` of the file on; `seconds` since 1970: its date."""
    while True:
        found = _tail(manifest, b"", entries, image, offset, seconds, seconds)
        if _is_findable(found):
            return found
        manifest += b" "


def signed_tail(
    manifest: bytes, signature: bytes, entries: Sequence[Entry], image: Image, offset: int, seconds: int
) -> bytes:
    """The same with a signature of `manifest`."""
    signed_at = seconds
    while True:
        found = _tail(manifest, signature, entries, image, offset, seconds, signed_at)
        if _is_findable(found):
            return found
        signed_at = max(signed_at, 315_532_800) + 2


def _tail(
    manifest: bytes,
    signature: bytes,
    entries: Sequence[Entry],
    image: Image,
    offset: int,
    seconds: int,
    signed_at: int,
) -> bytes:
    head = entry(MANIFEST_NAME, len(manifest), offset, seconds)._replace(crc32=zlib.crc32(manifest))
    data, listed = manifest, [*entries, head]
    start = head.data_offset()
    if signature:
        listed.append(entry(SIGNATURE_NAME, len(signature), start + len(manifest), signed_at))
        listed[-1] = listed[-1]._replace(crc32=zlib.crc32(signature))
        data += listed[-1].local() + signature
    central = b"".join(each.central() for each in listed)
    data += central + end_records(len(listed), start + len(data), len(central), FOOTER_BYTES)
    footer = Footer(
        runtime_offset=image.offset,
        runtime_size=image.size,
        runtime_unpacked=image.unpacked,
        runtime_sha256=bytes.fromhex(image.sha256),
        manifest_offset=start,
        manifest_size=len(manifest),
        tail_sha256=hashlib.sha256(data).digest(),
    )
    return head.local() + data + footer.pack()


def _is_findable(tail: bytes) -> bool:
    """Whether the last of the end record's magics is the end record's; a runtime's digest may hold it in any case."""
    footer = tail[-FOOTER_BYTES:]
    return END_MAGIC not in footer or END_MAGIC in footer[:56]
