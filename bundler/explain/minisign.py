"""The formats of minisign: public keys, secret keys and signatures, read strictly and written as minisign writes them.

    public key    "Ed" | key id, 8 bytes | Ed25519 public key, 32
    signature     "ED" | key id, 8 | Ed25519 signature of BLAKE2b-512(message), 64
                  and behind it one of (the first signature | trusted comment), which binds the comment
    secret key    "Ed" | "Sc" or zeros | "B2" | salt, 32 | operations u64 | memory u64 | key id, 8
                  | seed and public key, 64 | BLAKE2b-256 of ("Ed" | key id | seed and public key), 32;
                  with "Sc" the last 104 bytes are XORed with scrypt(passphrase, salt)

Each stands in base64 on a line of its own behind a comment. https://jedisct1.github.io/minisign/ describes them;
what minisign writes is read here and the other way around. The older signatures "Ed", of the message
itself, are refused: nobody has made any for an executable.
"""

import base64
import binascii
import hashlib
import os
from typing import NamedTuple

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

KEY_ALGORITHM, PREHASHED, SCRYPT, PLAIN, BLAKE2B = b"Ed", b"ED", b"Sc", b"\0\0", b"B2"
UNTRUSTED, TRUSTED = "untrusted comment: ", "trusted comment: "
MAX_COMMENT_BYTES, MAX_TRUSTED_BYTES = 1024, 8192  # minisign's own
MAX_KEY_FILE_BYTES, MAX_SIGNATURE_BYTES = 4096, 16_384
SECRET_BYTES, PUBLIC_BYTES, SIGNATURE_BYTES, GLOBAL_BYTES = 158, 42, 74, 64

# libsodium's limits, as minisign names them. What we write takes 256 MiB and half a second, twice what is asked of
# scrypt for passwords today; minisign itself writes 1 GiB, and that is the most that is read.
OPERATIONS, MEMORY_BYTES = 1 << 23, 1 << 28
MAX_OPERATIONS, MAX_MEMORY_BYTES = 1 << 25, 1 << 30


class PublicKey(NamedTuple):
    """Who is believed; `id` as it stands in signatures."""

    id: bytes
    key: bytes

    @property
    def name(self) -> str:
        """The id as minisign shows it, 16 hex digits."""
        return key_name(self.id)


class SecretKey(NamedTuple):
    """A key that signs, unlocked."""

    id: bytes
    seed: bytes

    @property
    def public(self) -> PublicKey:
        """What others check with."""
        return PublicKey(self.id, Ed25519PrivateKey.from_private_bytes(self.seed).public_key().public_bytes_raw())

    def __repr__(self) -> str:
        return f"SecretKey({key_name(self.id)})"  # a seed belongs into no message


class LockedKey(NamedTuple):
    """A secret key as its file holds it. `salt` is empty where no passphrase locks it."""

    salt: bytes
    operations: int
    memory_bytes: int
    content: bytes

    @property
    def is_locked(self) -> bool:
        """Whether it takes a passphrase."""
        return bool(self.salt)


class Signature(NamedTuple):
    """A signature and the comment that it covers."""

    key_id: bytes
    signature: bytes
    comment: str
    comment_signature: bytes


def key_name(key_id: bytes) -> str:
    """A key's id as minisign shows it: a little-endian number in hex."""
    return f"{int.from_bytes(key_id, 'little'):016X}"


def read_public(text: str) -> PublicKey:
    """Read a `.pub` file, or its second line alone. Raises: ValueError with what is wrong."""
    lines = _lines(text)
    data = _decoded(lines[-1] if len(lines) == 1 else _behind_comment(lines, 2), PUBLIC_BYTES)
    if data[:2] != KEY_ALGORITHM:
        raise ValueError("it is not an Ed25519 key")
    return PublicKey(data[2:10], data[10:])


def read_secret(text: str) -> LockedKey:
    """Read a secret key's file. Raises: ValueError with what is wrong."""
    data = _decoded(_behind_comment(_lines(text), 2), SECRET_BYTES)
    if data[:2] != KEY_ALGORITHM or data[2:4] not in (SCRYPT, PLAIN) or data[4:6] != BLAKE2B:
        raise ValueError("it is not an Ed25519 key of minisign's kind")
    operations, memory = (int.from_bytes(data[at : at + 8], "little") for at in (38, 46))
    is_locked = data[2:4] == SCRYPT
    if is_locked and not (0 < operations <= MAX_OPERATIONS and 0 < memory <= MAX_MEMORY_BYTES):
        raise ValueError(f"unlocking it would take more than {MAX_MEMORY_BYTES >> 20} MiB")
    return LockedKey(data[6:38] if is_locked else b"", operations, memory, data[54:])


def unlock(locked: LockedKey, passphrase: bytes) -> SecretKey:
    """The key itself; an unlocked one takes no heed of `passphrase`. Raises: ValueError if it is the wrong one."""
    content = _mixed(locked, passphrase) if locked.is_locked else locked.content
    key_id, seed, public, check = content[:8], content[8:40], content[40:72], content[72:]
    key = SecretKey(key_id, seed)
    is_unchecked = not locked.is_locked and not any(check)  # minisign leaves it out of a key without a passphrase
    if not is_unchecked and _checksum(content[:72]) != check:
        raise ValueError("the passphrase is wrong" if locked.is_locked else "its checksum is wrong")
    if key.public.key != public:
        raise ValueError("its two halves are not of one key")
    return key


def write_secret(key: SecretKey, passphrase: bytes) -> str:
    """The text of a secret key's file; an empty passphrase leaves it unlocked."""
    content = key.id + key.seed + key.public.key
    content += _checksum(content)
    locked = LockedKey(os.urandom(32), OPERATIONS, MEMORY_BYTES, content) if passphrase else None
    head = KEY_ALGORITHM + (SCRYPT if locked else PLAIN) + BLAKE2B
    if locked:
        head += locked.salt + OPERATIONS.to_bytes(8, "little") + MEMORY_BYTES.to_bytes(8, "little")
        content = _mixed(locked, passphrase)
    kind = "encrypted" if locked else "unencrypted"
    return f"{UNTRUSTED}minisign {kind} secret key\n{_encoded(head.ljust(54, bytes(1)) + content)}\n"


def write_public(key: PublicKey) -> str:
    """The text of a `.pub` file."""
    return f"{UNTRUSTED}minisign public key {key.name}\n{public_line(key)}\n"


def public_line(key: PublicKey) -> str:
    """The line that people copy."""
    return _encoded(KEY_ALGORITHM + key.id + key.key)


def generate() -> SecretKey:
    """A new key."""
    return SecretKey(os.urandom(8), Ed25519PrivateKey.generate().private_bytes_raw())


def sign(message: bytes, key: SecretKey, comment: str) -> str:
    """The text of a signature of `message` that binds `comment`, one line of at most 8 KiB."""
    private = Ed25519PrivateKey.from_private_bytes(key.seed)
    signature = private.sign(hashlib.blake2b(message).digest())
    bound = _encoded(private.sign(signature + comment.encode()))
    about = f"{UNTRUSTED}signature from minisign secret key {key_name(key.id)}"
    return f"{about}\n{_encoded(PREHASHED + key.id + signature)}\n{TRUSTED}{comment}\n{bound}\n"


def read_signature(text: str) -> Signature:
    """Read a signature's file. Raises: ValueError with what is wrong."""
    lines = _lines(text)
    data = _decoded(_behind_comment(lines, 4), SIGNATURE_BYTES)
    if data[:2] != PREHASHED:
        raise ValueError("it is of a kind that is not used here")
    if not lines[2].startswith(TRUSTED) or len(lines[2].encode()) > MAX_TRUSTED_BYTES:
        raise ValueError("it has no trusted comment")
    return Signature(data[2:10], data[10:], lines[2].removeprefix(TRUSTED), _decoded(lines[3], GLOBAL_BYTES))


def check(message: bytes, signature: Signature, key: PublicKey) -> None:
    """Hold `message` and the comment against the signature. Raises: ValueError with what is wrong."""
    if signature.key_id != key.id:
        raise ValueError(f"it was made with the key {key_name(signature.key_id)}, and not with {key.name}")
    public = Ed25519PublicKey.from_public_bytes(key.key)
    try:
        public.verify(signature.signature, hashlib.blake2b(message).digest())
    except InvalidSignature as error:
        raise ValueError("it is not that of this manifest by this key") from error
    try:
        public.verify(signature.comment_signature, signature.signature + signature.comment.encode())
    except InvalidSignature as error:
        raise ValueError("its trusted comment was changed") from error


def _lines(text: str) -> list[str]:
    return [line.removesuffix("\r") for line in text.removesuffix("\n").split("\n")]


def _behind_comment(lines: list[str], wanted: int) -> str:
    """The second of `wanted` lines, the first of which is a comment."""
    if len(lines) != wanted:
        raise ValueError(f"it has {len(lines)} lines instead of {wanted}")
    if not lines[0].startswith(UNTRUSTED) or len(lines[0].encode("utf-8", "replace")) > MAX_COMMENT_BYTES:
        raise ValueError(f"it does not begin with `{UNTRUSTED.strip()}`")
    return lines[1]


def _decoded(line: str, size_bytes: int) -> bytes:
    """Base64 in its one spelling."""
    try:
        data = base64.b64decode(line, validate=True)
    except (binascii.Error, ValueError) as error:
        raise ValueError("its base64 is broken") from error
    if len(data) != size_bytes or _encoded(data) != line:
        raise ValueError(f"it holds {len(data)} bytes in base64 and should hold {size_bytes}")
    return data


def _encoded(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _checksum(content: bytes) -> bytes:
    return hashlib.blake2b(KEY_ALGORITHM + content, digest_size=32).digest()


def _mixed(locked: LockedKey, passphrase: bytes) -> bytes:
    """The content XORed with what scrypt makes of the passphrase."""
    n, parallel = _cost(locked.operations, locked.memory_bytes)
    memory = 128 * 8 * (n + parallel + 2) + (1 << 20)
    stream = hashlib.scrypt(
        passphrase, salt=locked.salt, n=n, r=8, p=parallel, maxmem=memory, dklen=len(locked.content)
    )
    return bytes(a ^ b for a, b in zip(locked.content, stream, strict=True))


def _cost(operations: int, memory_bytes: int) -> tuple[int, int]:
    """scrypt's N and p, r being 8, for libsodium's limits: as its crypto_pwhash_scryptsalsa208sha256 chooses them."""
    operations = max(operations, 32_768)
    if operations < memory_bytes // 32:
        return _power(operations // 32), 1
    n = _power(memory_bytes // 1024)
    return n, max(operations // 4 // n // 8, 1)


def _power(most: int) -> int:
    """The power of two that libsodium takes for a maximum: at least 2, and more than half of it."""
    power = 2
    while power <= most // 2:
        power *= 2
    return power
