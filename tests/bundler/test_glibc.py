"""The image under glibc 2.31: interpreter, packages and engine, with a model that answers."""

from pathlib import Path

import pytest

from tests import guest, old_glibc

MODEL = Path(__file__).parent.parent / "data" / "tinyvlm-F16.gguf"

FRONT = """
import asyncio, aiohttp.web, msgspec, hashlib, ctypes, socket
version = ctypes.CDLL(None).gnu_get_libc_version
version.restype = ctypes.c_char_p
print(version().decode(), msgspec.json.decode(b"[1]"), len(socket.getaddrinfo("127.0.0.1", 80)) > 0)
"""

ENGINE = f"""
import ctypes, os
from llama_cpp import llama_cpp, mtmd_cpp
folder = os.path.join(os.path.dirname(llama_cpp.__file__), "lib")
for name in sorted(os.listdir(folder)):
    ctypes.CDLL(os.path.join(folder, name))
quiet = llama_cpp.llama_log_callback(lambda *_: None)
llama_cpp.llama_log_set(quiet, None)
ctypes.CDLL(os.path.join(folder, "libggml.so")).ggml_backend_load_all_from_path(folder.encode())
llama_cpp.llama_backend_init()
model = llama_cpp.llama_model_load_from_file({str(MODEL)!r}.encode(), llama_cpp.llama_model_default_params())
settings = llama_cpp.llama_context_default_params()
settings.n_ctx, settings.n_threads = 64, 1
context = llama_cpp.llama_init_from_model(model, settings)
tokens = (llama_cpp.llama_token * 3)(1, 5, 9)
print(llama_cpp.llama_decode(context, llama_cpp.llama_batch_get_one(tokens, 3)))
"""


@pytest.fixture(scope="module")
def prefix() -> list[str | Path]:
    """Made before the tests' own cache is set, so unpacked once for all runs."""
    return old_glibc.prefix()


def test_the_front_runs(tree: Path, tmp_path: Path, prefix: list[str | Path]) -> None:
    assert guest.output(tree, tmp_path, FRONT, prefix) == "2.31 [1] True\n"


def test_the_engine_computes(tree: Path, tmp_path: Path, prefix: list[str | Path]) -> None:
    assert guest.output(tree, tmp_path, ENGINE, prefix) == "0\n"


def test_every_module_can_be_imported(tree: Path, tmp_path: Path, prefix: list[str | Path]) -> None:
    assert guest.output(tree, tmp_path, guest.EVERY_MODULE, prefix).strip() == ""
