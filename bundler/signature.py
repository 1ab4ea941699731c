"""Puts a publisher's signature into a finished executable: a member behind the manifest, and a new end of the file.

The manifest, which the signature is over, stays as it is, and with it everything that it covers.
"""

import shutil
from pathlib import Path

from bundler import copying
from bundler.digests import Digests
from bundler.members import write
from bundler.tail import Image, signed_tail, tail
from bundler.unfinished import unfinished
from runtime.errors import CannotWrite, DiskFull, UsageError
from runtime.payload import MANIFEST_NAME, Payload
from runtime.payload.manifest import SIGNATURE_NAME
from runtime.payload.reader import MAX_SIGNATURE_BYTES
from runtime.payload.records import central_entries

_NOT_HASHED = Digests("", 0)


def signed(path: Path, signature: bytes) -> None:
    """Give the executable `path` this signature of its manifest in place of any it has; without bytes, none.

    The file is replaced when the new one is complete; on a file system that shares blocks that takes no room.

    Raises: PayloadDamaged; UsageError for a signature too long; DiskFull; CannotWrite; OSError if it cannot be read.
    """
    if len(signature) > MAX_SIGNATURE_BYTES:
        raise UsageError(f"Signing `{path}`: the signature has more than {MAX_SIGNATURE_BYTES:,} bytes; shorten it.")
    payload = Payload.open(path)
    offset, end = _end(payload, signature)
    try:
        with unfinished(path) as part:
            with open(part, "xb", buffering=0) as file:
                copying.copy(path, 0, offset, file, _NOT_HASHED, lambda _done: None)
                write(file, end)
            shutil.copymode(path, part)
            part.replace(path)
    except OSError as error:
        if error.errno in copying.NO_ROOM:
            raise DiskFull(path, offset + len(end)) from error
        raise CannotWrite(path, (error.strerror or str(error)).lower()) from error


def _end(payload: Payload, signature: bytes) -> tuple[int, bytes]:
    """Where the manifest's header begins, and all that will stand from there on."""
    footer, manifest = payload.footer, payload.manifest
    data = payload.tail[footer.manifest_size :]
    if old := payload.signature_entry():
        data = data[len(old.local()) + old.size :]
    listed = list(central_entries(data))
    own = next(entry for entry in listed if entry.name == MANIFEST_NAME)
    entries = [entry for entry in listed if entry.name not in (MANIFEST_NAME, SIGNATURE_NAME)]
    image = Image(footer.runtime_offset, footer.runtime_size, footer.runtime_unpacked, footer.runtime_sha256.hex())
    given = (entries, image, own.offset, manifest.created)
    if signature:
        return own.offset, signed_tail(payload.manifest_bytes, signature, *given)
    return own.offset, tail(payload.manifest_bytes, *given)
