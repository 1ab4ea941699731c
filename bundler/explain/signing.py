"""Signs executables and checks their signatures, as minisign does with the manifest.

What is signed are the bytes of manifest.json, which holds a hash of every other byte. So `lmfile extract FILE
manifest.json signature.minisig` and `minisign -V -m manifest.json -x signature.minisig -p KEY.pub` agree with
`lmfile verify FILE --key KEY.pub`.
"""

import hashlib
from pathlib import Path
from typing import NamedTuple

from bundler import container
from bundler.console import Console
from bundler.executable import open_executable
from bundler.explain import keys, minisign, plain
from bundler.explain.minisign import PublicKey, Signature
from runtime.errors import PayloadDamaged, SignatureWrong
from runtime.payload import Payload


class Signed(NamedTuple):
    """Who signed, by the key's name, and the comment that the signature covers; unchecked."""

    key: str
    comment: str


class Checked(NamedTuple):
    """What came of holding a signature against a key. problem: why it is not that key's; empty: it is."""

    key: str
    comment: str
    problem: str


def sign(path: Path, key_file: Path, password_file: Path | None, console: Console) -> None:
    """Put a signature into the executable `path`, in place of an earlier one.

    Only what is whole is signed. Raises: UsageError, PayloadDamaged, CannotWrite, DiskFull.
    """
    payload = open_executable(path)
    key = keys.secret(key_file, password_file)
    if findings := payload.verify(console.progress):
        part, offset, problem = findings[0]
        raise PayloadDamaged(path, f"{part} at byte {offset}: {problem}, so it was not signed")
    container.signed(path, minisign.sign(payload.manifest_bytes, key, _comment(payload)).encode())
    console.result(f"{path}: signed with the key {key.public.name}")
    console.step(f"check it with: lmfile verify {path.name} --key {minisign.public_line(key.public)}")


def checked(payload: Payload, key: PublicKey) -> Checked:
    """Hold the signature of `payload` against `key`. Raises: PayloadDamaged."""
    try:
        found = _read(payload)
        if found is None:
            return Checked(key.name, "", "it has none")
        minisign.check(payload.manifest_bytes, found, key)
    except SignatureWrong as error:
        return Checked(key.name, "", error.happened)
    except ValueError as error:
        return Checked(key.name, "", str(error))
    return Checked(key.name, plain.line(found.comment), "")


def signed(payload: Payload) -> Signed | None:
    """What the signature says of itself; None without one. Raises: SignatureWrong if it cannot be read."""
    found = _read(payload)
    return Signed(minisign.key_name(found.key_id), plain.line(found.comment)) if found else None


def _read(payload: Payload) -> Signature | None:
    data = payload.signature
    if data is None:
        return None
    try:
        if len(data) > minisign.MAX_SIGNATURE_BYTES:
            raise ValueError(f"it has {len(data):,} bytes")
        return minisign.read_signature(data.decode())
    except ValueError as error:  # UnicodeDecodeError is one
        reason = "it is not text" if isinstance(error, UnicodeDecodeError) else str(error)
        raise SignatureWrong(payload.path, reason) from error


def _comment(payload: Payload) -> str:
    """What the signature binds besides the manifest, in the fields that minisign's users know."""
    manifest = payload.manifest
    fields = {
        "timestamp": str(container.created()),
        "name": manifest.name,
        "version": manifest.version,
        "target": manifest.target,
        "sha256": hashlib.sha256(payload.manifest_bytes).hexdigest(),
    }
    return "\t".join(f"{key}:{plain.line(value)[:200]}" for key, value in fields.items() if value) + "\thashed"
