"""Finds the engine's native libraries, and which accelerators they were built for."""

import os
import sys

PACKAGE = "llama_cpp"


def file_name(library: str) -> str:
    """Return the file name of a native library on this system."""
    if sys.platform == "win32":
        return f"{library}.dll"
    return f"lib{library}.dylib" if sys.platform == "darwin" else f"lib{library}.so"


def directory() -> str:
    """Return the directory of the engine's libraries. Raises: FileNotFoundError."""
    for entry in sys.path:
        candidate = f"{entry}{os.sep}{PACKAGE}{os.sep}lib"
        if entry and os.access(f"{candidate}{os.sep}{file_name('llama')}", os.R_OK):
            return candidate
    raise FileNotFoundError("the engine's libraries (llama_cpp/lib) are not on the module path")


def has_backend(name: str) -> bool:
    """Tell whether this build has ggml's backend `name`, such as cuda, vulkan or metal."""
    try:
        with os.scandir(directory()) as files:
            return any(file.name.removeprefix("lib").startswith(f"ggml-{name}.") for file in files)
    except FileNotFoundError:
        return False
