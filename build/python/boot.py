"""Starts lmfile: makes sure that the executable is what was packed, then runs the code it carries.

The interpreter `bin/lmfile` imports this module as `__init__lmfile` and calls `run`. The launcher
has put the executable's path into LMFILE_EXECUTABLE; its own code is imported straight out
of it, never extracted. What checks the code cannot come from it, so the few fields needed of
footer and manifest are read here; docs/FORMAT.md describes them.

Every process of lmfile comes through here: it imports only what costs next to nothing.
"""

import os
import sys

import _sha2
import _signal

EXIT_DAMAGED = 30
EXIT_INTERRUPTED = 130
FOOTER_BYTES = 128
MAGIC = b"lmfile footer v1"
MAX_TAIL_BYTES = 64 << 20  # manifest and directory: some 300 bytes for each member
MAX_APP_BYTES = 256 << 20


class Damaged(Exception):
    """The executable is not what was packed; the text says what is wrong."""


def run(_main: str) -> None:
    """Check the executable and run it; never returns."""
    _set_signals()
    executable = os.environ.get("LMFILE_EXECUTABLE", "")
    try:
        if not executable:
            raise Damaged("it is not known where it is: start the lmfile itself, not its runtime")
        _check(executable)
        sys.path.insert(0, executable + os.sep + "app")
        sys.argv[0] = executable
        from runtime.__main__ import main
    except Exception as error:  # whatever goes wrong before our own code runs is a damaged file
        reason = str(error) if isinstance(error, Damaged) else f"it cannot be read ({type(error).__name__}: {error})"
        _end(f"error: Reading `{executable}`: {reason}; download the file again.\n", EXIT_DAMAGED)
    try:
        if _signal.getsignal(_signal.SIGINT) == _signal.SIG_DFL:
            _signal.signal(_signal.SIGINT, _signal.default_int_handler)
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(EXIT_INTERRUPTED)


def _set_signals() -> None:
    """What the command `python` does and this interpreter does not: a closed pipe is an error, not the end."""
    for name in ("SIGPIPE", "SIGXFSZ"):
        if hasattr(_signal, name):
            _signal.signal(getattr(_signal, name), _signal.SIG_IGN)


def _check(executable: str) -> None:
    """Hold footer, manifest and our own code against their hashes.

    Raises: Damaged, OSError, and whatever a manifest of another shape leads to.
    """
    with open(executable, "rb", buffering=0) as file:
        size = file.seek(0, os.SEEK_END)
        footer = _read(file, size - FOOTER_BYTES, FOOTER_BYTES, size)
        if footer[-len(MAGIC) :] != MAGIC:
            raise Damaged("it does not end as an lmfile does: it was cut off or added to")
        manifest_offset, manifest_size = (int.from_bytes(footer[at : at + 8], "little") for at in (56, 64))
        tail_size = size - FOOTER_BYTES - manifest_offset
        tail = _read(file, manifest_offset, min(tail_size, MAX_TAIL_BYTES), size)
        if _sha2.sha256(tail).digest() != footer[72:104]:
            raise Damaged("its manifest or its directory was changed")
        app = _app(tail[:manifest_size].decode())
        code = _read(file, app["offset"], min(app["size"], MAX_APP_BYTES), size)
        if _sha2.sha256(code).hexdigest() != app["sha256"]:
            raise Damaged("its program was changed")


def _read(file, offset: int, size: int, end: int) -> bytes:  # type: ignore[no-untyped-def]
    if not 0 <= offset <= offset + size <= end:
        raise Damaged("it was cut off")
    file.seek(offset)
    data = file.read(size)
    if len(data) != size:
        raise Damaged("it was cut off")
    return data


def _app(manifest: str) -> dict:  # type: ignore[type-arg]
    """The span of our own code, out of the manifest's JSON; the module `json` would cost 5 ms of imports."""
    import _json

    return _json.make_scanner(_Defaults)(manifest, 0)[0]["app"]


class _Defaults:
    """What the scanner asks its owner for."""

    strict = True
    object_hook = None
    object_pairs_hook = None
    parse_float = float
    parse_int = int
    parse_constant = float


def _end(sentence: str, code: int) -> None:
    os.write(2, sentence.encode(errors="replace"))
    os._exit(code)
