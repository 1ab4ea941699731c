"""Our declarations of llama.cpp's functions and structures, compared with those of the package they come from."""

import ctypes
from typing import Any

import llama_cpp.llama_cpp as package
import pytest

from runtime.engine.backends import llama_native
from runtime.engine.backends.llama_native import ADAPTER_STACK, GGML, GGML_BASE, LLAMA, ROWS, Native
from runtime.hardware import libraries

STRUCTURES = {
    llama_native.ModelParams: "llama_model_params",
    llama_native.ContextParams: "llama_context_params",
    llama_native.Batch: "llama_batch",
    llama_native.TokenData: "llama_token_data",
    llama_native.TokenDataArray: "llama_token_data_array",
    llama_native.LogitBias: "llama_logit_bias",
    llama_native.ChainParams: "llama_sampler_chain_params",
}


def layout(structure: Any) -> list[tuple[str, int, int]]:
    return [(name, getattr(structure, name).offset, getattr(structure, name).size) for name, *_ in structure._fields_]


def kind(c_type: Any) -> tuple[str, int]:
    """How a value travels: the register class and the size."""
    if c_type is None:
        return "nothing", 0
    if isinstance(c_type, type) and issubclass(c_type, ctypes.Structure):
        return "structure", ctypes.sizeof(c_type)
    code = getattr(c_type, "_type_", "P")
    if not isinstance(code, str) or code in "PzZ":
        return "pointer", ctypes.sizeof(ctypes.c_void_p)
    return ("real" if code in "fd" else "whole"), ctypes.sizeof(c_type)


@pytest.mark.parametrize("ours", STRUCTURES, ids=lambda structure: structure.__name__)
def test_structures_are_laid_out_alike(ours: Any) -> None:
    theirs = getattr(package, STRUCTURES[ours])
    assert layout(ours) == layout(theirs)
    assert ctypes.sizeof(ours) == ctypes.sizeof(theirs)


@pytest.mark.parametrize("name", [name for name in LLAMA if hasattr(package, name)])
def test_functions_are_declared_alike(name: str) -> None:
    result, arguments = LLAMA[name]
    theirs = getattr(package, name)
    assert kind(result) == kind(theirs.restype)
    assert [kind(argument) for argument in arguments] == [kind(argument) for argument in theirs.argtypes]


def test_nearly_every_function_has_a_counterpart() -> None:
    assert len([name for name in LLAMA if hasattr(package, name)]) >= len(LLAMA) - 2


def test_every_function_is_in_its_library() -> None:
    native = Native(libraries.directory())
    for name in (*GGML_BASE, *GGML, *LLAMA, *ADAPTER_STACK, *ROWS):
        assert callable(getattr(native, name))
    with pytest.raises(AttributeError, match="not declared"):
        native.llama_print_system_info  # noqa: B018


def test_the_defaults_are_those_of_the_header() -> None:
    """Each value lies where we expect it: a field that had moved would show here."""
    native = Native(libraries.directory())
    context = native.llama_context_default_params()
    assert (context.n_ctx, context.n_batch, context.n_ubatch, context.n_seq_max) == (512, 2048, 512, 1)
    assert (context.flash_attn_type, context.yarn_ext_factor, context.defrag_thold) == (-1, -1.0, -1.0)
    assert (context.type_k, context.type_v, context.no_perf, context.swa_full, context.kv_unified) == (1, 1, 1, 1, 0)
    model = native.llama_model_default_params()
    assert (model.n_gpu_layers, model.split_mode, model.load_mode, model.use_extra_bufts) == (-1, 1, -1, True)
    threads = llama_native.ThreadpoolParams()
    native.ggml_threadpool_params_init(ctypes.byref(threads), 3)
    assert (threads.n_threads, threads.prio, threads.poll, threads.strict_cpu, threads.paused) == (3, 0, 50, 0, 0)
