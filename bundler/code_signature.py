"""Holds a Mach-O file against the page hashes of its own signature, as the kernel of macOS does before it runs a page.

Only the code directories are read, the lists of hashes; whether somebody has signed these, or nobody (ad hoc), is not
of interest here: a file without a name behind it runs, a file with one false hash is killed.
"""

import hashlib
import struct

_BLOBS, _DIRECTORY = 0xFADE0CC0, 0xFADE0C02
_DIRECTORIES = (0, *range(0x1000, 0x1005))  # the slots of the first and of alternative ones
_HASHES = {1: "sha1", 2: "sha256", 3: "sha256", 4: "sha384"}
_LIMIT_64_SINCE = 0x20300


def check(data: bytes, offset: int, size: int) -> None:
    """Hold all of `data` before its signature at `offset` against each list of hashes in it.

    Raises: ValueError or struct.error when something is false, or nothing is listed.
    """
    signature = data[offset : offset + size]
    magic, _, count = struct.unpack_from(">III", signature)
    if magic != _BLOBS or len(signature) != size:
        raise ValueError("its signature is not whole")
    covered = [
        _check_directory(data, signature[start:])
        for slot, start in struct.iter_unpack(">II", signature[12 : 12 + count * 8])
        if slot in _DIRECTORIES
    ]
    if not covered or set(covered) != {offset}:
        raise ValueError("its signature does not cover all of it")


def _check_directory(data: bytes, directory: bytes) -> int:
    magic, _, version, _, hashes, _, _, pages, limit = struct.unpack_from(">9I", directory)
    hash_bytes, kind, _, page_power = struct.unpack_from(">4B", directory, 36)
    if magic != _DIRECTORY or kind not in _HASHES or not page_power:
        raise ValueError("a list of hashes in its signature is of an unknown kind")
    if version >= _LIMIT_64_SINCE:
        limit = struct.unpack_from(">Q", directory, 56)[0] or limit
    page_bytes = 1 << page_power
    if pages != -(-limit // page_bytes) or limit > len(data):
        raise ValueError("its signature is for a file of another size")
    for page in range(pages):
        # The last page is hashed as far as it goes, without padding.
        content = data[page * page_bytes : min((page + 1) * page_bytes, limit)]
        start = hashes + page * hash_bytes
        if hashlib.new(_HASHES[kind], content).digest()[:hash_bytes] != directory[start : start + hash_bytes]:
            raise ValueError(f"page {page} is not what was signed")
    return int(limit)
