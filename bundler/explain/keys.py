"""Key files of publishers: read with their passphrase, made as a pair, never written over."""

import getpass
import os
import sys
from pathlib import Path

from bundler.explain import minisign
from bundler.explain.minisign import PublicKey, SecretKey
from runtime.errors import CannotWrite, UsageError

PASSWORD_VARIABLE = "LMFILE_SIGN_PASSWORD"
MAX_PASSPHRASE_BYTES = 1024


def secret(path: Path, password_file: Path | None = None) -> SecretKey:
    """Read a secret key; its passphrase comes from `password_file`, LMFILE_SIGN_PASSWORD or the terminal.

    Raises: UsageError.
    """
    try:
        locked = minisign.read_secret(text(path, minisign.MAX_KEY_FILE_BYTES, "the secret key"))
        return minisign.unlock(locked, passphrase(password_file, path) if locked.is_locked else b"")
    except ValueError as error:
        raise UsageError(f"Reading the secret key `{path}`: {error}; give a .key file of minisign.") from error


def public(given: str) -> PublicKey:
    """Read what stands behind --key: a `.pub` file, or its second line. Raises: UsageError."""
    path = Path(given)
    is_file = _is_file(path)
    try:
        return minisign.read_public(text(path, minisign.MAX_KEY_FILE_BYTES, "the public key") if is_file else given)
    except ValueError as error:
        reason = str(error) if is_file else "there is no such file, and it is no key either"
        hint = "give a .pub file of minisign or the line in it"
        raise UsageError(f"Reading the public key `{_short(given)}`: {reason}; {hint}.") from error


def generate(stem: Path, password_file: Path | None, is_open: bool) -> PublicKey:
    """Write `stem`.key, readable by its owner alone, and `stem`.pub; with `is_open` no passphrase locks the key.

    Raises: UsageError if one of them exists; CannotWrite.
    """
    files = [stem.with_name(stem.name + ending) for ending in (".key", ".pub")]
    for file in files:
        if os.path.lexists(file):
            raise UsageError(f"Writing `{file}`: it exists, and a key is never replaced; choose another name.")
    key = minisign.generate()
    words = b"" if is_open else passphrase(password_file, files[0], is_new=True)
    made: list[Path] = []
    try:
        for file, content, mode in zip(
            files, (minisign.write_secret(key, words), minisign.write_public(key.public)), (0o600, 0o644), strict=True
        ):
            _create(file, content, mode)
            made.append(file)
    except OSError as error:
        for file in made:
            file.unlink(missing_ok=True)
        raise CannotWrite(error.filename or stem, (error.strerror or str(error)).lower()) from error
    return key.public


def passphrase(password_file: Path | None, key: Path, is_new: bool = False) -> bytes:
    """What locks `key`: of a file, without its line break, or of the environment, or of whoever sits here.

    Raises: UsageError if there is nobody to ask, or it is empty.
    """
    if password_file is not None:
        words = text(password_file, MAX_PASSPHRASE_BYTES, "the passphrase").removesuffix("\n").removesuffix("\r")
    elif PASSWORD_VARIABLE in os.environ:
        words = os.environ[PASSWORD_VARIABLE]
    else:
        words = _asked(key, is_new)
    if not words:
        hint = "without one say --no-password" if is_new else "this key has one"
        raise UsageError(f"Reading the passphrase of `{key}`: it is empty; {hint}.")
    return os.fsencode(words)


def text(path: Path, limit_bytes: int, what: str) -> str:
    """A small text file. Raises: UsageError if it cannot be read, is larger, or no UTF-8."""
    try:
        with path.open("rb") as file:
            data = file.read(limit_bytes + 1)
    except OSError as error:
        raise UsageError(
            f"Reading {what} `{path}`: {(error.strerror or str(error)).lower()}; check the path."
        ) from error
    if len(data) > limit_bytes:
        raise UsageError(f"Reading {what} `{path}`: it has more than {limit_bytes:,} bytes; check the path.")
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        raise UsageError(f"Reading {what} `{path}`: it is not text; check the path.") from error


def _asked(key: Path, is_new: bool) -> str:
    if not sys.stdin or not sys.stdin.isatty():
        ways = f"set {PASSWORD_VARIABLE} or give --password-file FILE"
        raise UsageError(f"Reading the passphrase of `{key}`: there is no terminal to ask on; {ways}.")
    try:
        words = getpass.getpass(f"Passphrase of {key.name}: ")
        if is_new and words != getpass.getpass("The same again: "):
            raise UsageError(f"Reading the passphrase of `{key}`: the two are different; try again.")
    except EOFError as error:
        raise UsageError(f"Reading the passphrase of `{key}`: the terminal was closed; try again.") from error
    return words


def _create(path: Path, content: str, mode: int) -> None:
    """A new file, complete or not there; the mode is its own from the first byte on."""
    file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    try:
        with open(file, "w", encoding="utf-8", newline="\n") as out:
            out.write(content)
    except OSError:
        path.unlink(missing_ok=True)
        raise


def _is_file(path: Path) -> bool:
    try:
        return path.exists()
    except (OSError, ValueError):  # a line of base64 may be too long for a path
        return False


def _short(given: str) -> str:
    shown = "".join(character if character.isprintable() else "?" for character in given[:80])
    return shown + ("…" if len(given) > 80 else "")
