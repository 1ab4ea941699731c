"""Every failure a user can meet, with its sentence and its exit code.

    LmfileError
    ├── UsageError             10  a flag or a value that makes no sense
    ├── ExposedWithoutKey      11  a listening address beyond this computer, and no key
    ├── ModelNotFound          20  no such file, or not a file
    │   └── SidecarMissing     20  the weights that belong beside the executable are not there
    ├── ModelInvalid           21  not a GGUF, or a structurally false one
    ├── ModelUnsupported       22  a sound GGUF that this engine cannot run
    ├── DownloadFailed         23  an artefact could not be fetched or has the wrong hash
    ├── BuildFailed            24  a tool that builds a part stopped with an error
    ├── AdapterNotFound        25  no adapter of that name, or nothing where it should lie
    ├── AdapterInvalid         26  not an adapter, or one that does not fit the model
    ├── AdapterUnsupported     27  a sound adapter of a kind that cannot be applied
    ├── PayloadDamaged         30  the executable was truncated, changed or appended to
    ├── CacheUnusable          31  no directory to extract the runtime to
    ├── DiskFull               32  no room for what has to be written
    ├── CacheBusy              33  another process held a lock for too long
    ├── CannotWrite            34  a file or directory cannot be written there
    ├── EngineFailed           40  the engine did not start, or refused the model
    ├── OutOfMemory            41  the model or its context does not fit
    ├── EngineDied             42  native code ended the worker
    ├── EngineRefused           *  the worker's own sentence and code, passed on by the front
    ├── PortInUse              50  somebody else listens there
    └── CannotListen           51  the address cannot be used

An error holds its facts as attributes and writes one sentence from them: what
was being done, with what, what happened, what to do. 30 to 33 are also the
launcher's (build/launcher/), which ends before Python starts.
"""

from pathlib import Path


class LmfileError(Exception):
    """Root of the tree: `str(error)` is the sentence, `exit_code` the process's status."""

    exit_code: int = 1


class UsageError(LmfileError):
    exit_code = 10


class ExposedWithoutKey(LmfileError):
    exit_code = 11

    def __init__(self, host: str) -> None:
        self.host = host
        super().__init__(
            f"Listening on `{host}` would let other computers use this model without a key; "
            f"stay on 127.0.0.1 or set one with --api-key-file FILE or LMFILE_API_KEY."
        )


class RecipeInvalid(LmfileError):
    exit_code = 12

    def __init__(self, path: Path | str, line: int, key: str, reason: str) -> None:
        self.path = str(path)
        self.line = line
        self.key = key
        where = f", line {line}" if line else ""
        about = f"`{key}` " if key else ""
        end = "" if reason.endswith("?") else "."
        super().__init__(f"Reading the recipe `{path}`{where}: {about}{reason}{end}")


class ModelNotFound(LmfileError):
    exit_code = 20

    def __init__(
        self, path: Path | str, happened: str = "there is no such file", advice: str = "check the path"
    ) -> None:
        self.path = str(path)
        self.happened = happened
        super().__init__(f"Opening the model `{path}`: {happened}; {advice}.")


class SidecarMissing(ModelNotFound):
    def __init__(self, executable: Path, name: str) -> None:
        happened = f"it is not in `{executable.absolute().parent}`"
        self.path = name
        self.happened = happened
        LmfileError.__init__(
            self, f"Opening `{name}`, the weights of `{executable.name}`: {happened}; put both into one folder."
        )


class ModelInvalid(LmfileError):
    exit_code = 21

    def __init__(self, path: Path | str, reason: str, offset: int) -> None:
        self.path = str(path)
        self.reason = reason
        self.offset = offset
        super().__init__(
            f"Reading the model `{path}`: {reason} (at byte {offset}); download it again or convert it anew."
        )


class ModelUnsupported(LmfileError):
    exit_code = 22

    def __init__(self, path: Path | str, reason: str) -> None:
        self.path = str(path)
        self.reason = reason
        super().__init__(f"Loading the model `{path}`: {reason}; use a model that llama.cpp supports.")


class DownloadFailed(LmfileError):
    exit_code = 23

    def __init__(self, what: str, happened: str, advice: str = "check the network and try again") -> None:
        self.what = what
        self.happened = happened
        super().__init__(f"Fetching `{what}`: {happened}; {advice}.")


class BuildFailed(LmfileError):
    exit_code = 24

    def __init__(self, what: str, happened: str, log: Path | None = None) -> None:
        self.what = what
        self.log = log
        see = f"; the log is `{log}`" if log else ""
        super().__init__(f"Building {what}: {happened}{see}.")


class AdapterNotFound(LmfileError):
    exit_code = 25

    def __init__(self, name: Path | str, happened: str = "there is no such file or folder") -> None:
        self.name = str(name)
        self.happened = happened
        super().__init__(f"Looking for the adapter `{name}`: {happened}; check its name.")


class AdapterInvalid(LmfileError):
    exit_code = 26

    def __init__(self, path: Path | str, reason: str) -> None:
        self.path = str(path)
        self.reason = reason
        super().__init__(f"Reading the adapter `{path}`: {reason}; use one that was made for this model.")


class AdapterUnsupported(LmfileError):
    exit_code = 27

    def __init__(self, path: Path | str, reason: str) -> None:
        self.path = str(path)
        self.reason = reason
        super().__init__(f"Using the adapter `{path}`: {reason}; use a plain LoRA, or merge it into its model.")


class ConversionFailed(LmfileError):
    exit_code = 28

    def __init__(self, what: Path | str, happened: str, log: Path | None = None) -> None:
        self.what = str(what)
        self.log = log
        see = f"; the log is `{log}`" if log else ""
        super().__init__(f"Converting `{what}`: {happened}{see}.")


class PayloadDamaged(LmfileError):
    exit_code = 30

    def __init__(self, path: Path | str, reason: str) -> None:
        self.path = str(path)
        self.reason = reason
        super().__init__(f"Reading `{path}`: {reason}; download the file again.")


class CacheUnusable(LmfileError):
    exit_code = 31


class DiskFull(LmfileError):
    exit_code = 32

    def __init__(self, path: Path | str, needed_bytes: int | None = None) -> None:
        self.path = str(path)
        self.needed_bytes = needed_bytes
        needs = f"{needed_bytes / 1e6:.0f} MB are needed there; " if needed_bytes else ""
        super().__init__(f"Writing `{path}`: the disk is full; {needs}free some space and try again.")


class CacheBusy(LmfileError):
    exit_code = 33


class CannotWrite(LmfileError):
    exit_code = 34

    def __init__(self, path: Path | str, happened: str) -> None:
        self.path = str(path)
        super().__init__(f"Writing `{path}`: {happened}; choose another place.")


class SignatureWrong(LmfileError):
    exit_code = 35

    def __init__(self, path: Path | str, happened: str) -> None:
        self.path = str(path)
        self.happened = happened
        super().__init__(
            f"Checking the signature of `{path}`: {happened}; get the file and the key from their publisher."
        )


class EngineFailed(LmfileError):
    exit_code = 40


class OutOfMemory(LmfileError):
    exit_code = 41


class EngineDied(LmfileError):
    exit_code = 42


class EngineRefused(LmfileError):
    def __init__(self, message: str, exit_code: int) -> None:
        self.exit_code = exit_code
        super().__init__(message)


class PortInUse(LmfileError):
    exit_code = 50

    def __init__(self, host: str, port: int) -> None:
        self.host = host
        self.port = port
        super().__init__(
            f"Listening on {host}:{port}: another program uses this port; "
            f"choose one with --port, or --port 0 for any free one."
            if port
            else f"Listening on `{host}`: another program uses this socket; end it, or choose another path with --host."
        )


class CannotListen(LmfileError):
    exit_code = 51

    def __init__(self, host: str, port: int, happened: str) -> None:
        self.host = host
        self.port = port
        where = f"{host}:{port}" if port else f"`{host}`"
        super().__init__(f"Listening on {where}: {happened}; choose another --host or --port.")
