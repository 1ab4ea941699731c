"""Starts lmfile: makes sure that the executable is what was packed, then runs the code it carries.

The interpreter `bin/lmfile` imports this module as `__init__lmfile` and calls `run`. The launcher
has put the executable's path into LMFILE_EXECUTABLE; our own code is imported straight out of
that file, never extracted. What checks the code cannot come from it, so the few fields that
are needed of footer and manifest are read here; docs/FORMAT.md describes them.

Every process of lmfile comes through here, so it imports only what costs next to nothing.
"""

import os
import sys

EXIT_DAMAGED = 30
EXIT_BUG = 70
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
            raise Damaged("its path is not known; start the lmfile itself, not its runtime")
        _check_once(executable)
        sys.argv[0] = executable
        # Last: for a file above 4 GiB zipimport imports `struct`, which must not be looked for in that file.
        sys.path.append(executable + os.sep + "app")
        from runtime.__main__ import main
    except Exception as error:  # whatever stops us before our own code runs is a damaged file
        reason = str(error) if isinstance(error, Damaged) else f"it cannot be run ({type(error).__name__}: {error})"
        os.write(2, f"error: Reading `{executable}`: {reason}; download the file again.\n".encode(errors="replace"))
        os._exit(EXIT_DAMAGED)
    sys.exit(_run_main(main))


def _set_signals() -> None:
    """What the command `python` does and this interpreter does not: a closed pipe is an error, not the end.

    And Ctrl-C ends the process plainly as long as there is nobody to catch KeyboardInterrupt. The import
    takes over SIGINT, so it stands here and not above.
    """
    import _signal

    if _signal.getsignal(_signal.SIGINT) is _signal.default_int_handler:
        _signal.signal(_signal.SIGINT, _signal.SIG_DFL)
    for name in ("SIGPIPE", "SIGXFSZ"):
        if hasattr(_signal, name):
            _signal.signal(getattr(_signal, name), _signal.SIG_IGN)


def _run_main(main) -> int:  # type: ignore[no-untyped-def]
    """Run `main`, which decides about Ctrl-C once it is there; after it nobody would catch a KeyboardInterrupt."""
    import _signal

    try:
        try:
            return main()  # type: ignore[no-any-return]
        finally:
            _signal.signal(_signal.SIGINT, _signal.SIG_IGN)
    except KeyboardInterrupt:
        return EXIT_INTERRUPTED
    except Exception as error:  # our code catches its own; this comes from the runtime around it, or no memory
        cache = os.environ.get("LMFILE_CACHE_DIR", "")
        happened = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
        sentence = f"error: Starting lmfile: {happened}; free some memory, or remove `{cache}` and start again.\n"
        os.write(2, sentence.encode(errors="replace"))
        return EXIT_BUG


def _check_once(executable: str) -> None:
    """Check the file unless a parent of this process has just done it, which saves a worker 2 ms."""
    status = os.stat(executable)  # noqa: PTH116 - pathlib would cost 3 ms of imports
    identity = f"{status.st_dev} {status.st_ino} {status.st_size} {status.st_mtime_ns}"
    if os.environ.get("LMFILE_CHECKED") != identity:
        with open(executable, "rb", buffering=0) as file:
            _check(file, status.st_size)
        os.environ["LMFILE_CHECKED"] = identity


def _check(file, size: int) -> None:  # type: ignore[no-untyped-def]
    """Hold footer, manifest and our own code against their hashes.

    Raises: Damaged, OSError, and whatever a manifest of another shape leads to.
    """
    from _sha2 import sha256

    footer = _read(file, size - FOOTER_BYTES, FOOTER_BYTES, size)
    if not footer.endswith(MAGIC):
        raise Damaged("it does not end as an lmfile does: it was cut off or added to")
    manifest_offset, manifest_size = (int.from_bytes(footer[at : at + 8], "little") for at in (56, 64))
    tail_size = size - FOOTER_BYTES - manifest_offset
    tail = _read(file, manifest_offset, min(tail_size, MAX_TAIL_BYTES), size)
    if sha256(tail).digest() != footer[72:104]:
        raise Damaged("its manifest or its directory was changed")
    app = _app(tail[:manifest_size].decode())
    if sha256(_read(file, app["offset"], min(app["size"], MAX_APP_BYTES), size)).hexdigest() != app["sha256"]:
        raise Damaged("its program was changed")


def _read(file, offset: int, size: int, end: int) -> bytes:  # type: ignore[no-untyped-def]
    if not 0 <= offset <= offset + size <= end:
        raise Damaged("it was cut off")
    file.seek(offset)
    data: bytes = file.read(size)
    if len(data) != size:
        raise Damaged("it was cut off")
    return data


def _app(manifest: str) -> dict:  # type: ignore[type-arg]
    """The span of our own code, out of the manifest's JSON; the module `json` would cost 5 ms of imports."""
    from _json import make_scanner

    return make_scanner(_Plain)(manifest, 0)[0]["app"]  # type: ignore[no-any-return]


class _Plain:
    """What the scanner asks its owner for: no hooks."""

    strict = True
    object_hook = None
    object_pairs_hook = None
    parse_float = float
    parse_int = int
    parse_constant = float
