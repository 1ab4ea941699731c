"""The C functions of llama.cpp and of our own library that are used here, declared for ctypes.

Only these: the complete declarations of the `llama_cpp` package take 34 ms to import, a
sixth of the whole start. The structures are compared with that package's by a test, as
are the functions' signatures. Does not know: what the functions are called for.
"""

import ctypes
import os
import sys
from collections.abc import Iterator
from ctypes import (
    POINTER,
    Structure,
    c_bool,
    c_char_p,
    c_float,
    c_int,
    c_int8,
    c_int32,
    c_int64,
    c_size_t,
    c_uint32,
    c_uint64,
    c_void_p,
)
from typing import Any

from runtime.hardware.libraries import file_name

LIBRARIES = ("ggml-base", "ggml", "llama", "lmfile-rows")
MAX_THREADS = 512
NO_TOKEN = -1

DEVICE_IS_CPU = 0
DEVICE_HELPS_CPU = 3

FLASH_ATTENTION = {"auto": -1, "off": 0, "on": 1}


class ModelParams(Structure):
    """llama_model_params"""

    _fields_ = (
        ("devices", c_void_p),
        ("tensor_buft_overrides", c_void_p),
        ("n_gpu_layers", c_int32),
        ("split_mode", c_int),
        ("load_mode", c_int),
        ("lazy_mode", c_int),
        ("main_gpu", c_int32),
        ("tensor_split", c_void_p),
        ("progress_callback", c_void_p),
        ("progress_callback_user_data", c_void_p),
        ("kv_overrides", c_void_p),
        ("vocab_only", c_bool),
        ("check_tensors", c_bool),
        ("use_extra_bufts", c_bool),
        ("no_host", c_bool),
        ("no_alloc", c_bool),
        ("load_mtp", c_bool),
    )


class ContextParams(Structure):
    """llama_context_params"""

    _fields_ = (
        ("n_ctx", c_uint32),
        ("n_batch", c_uint32),
        ("n_ubatch", c_uint32),
        ("n_seq_max", c_uint32),
        ("n_rs_seq", c_uint32),
        ("n_outputs_max", c_uint32),
        ("n_outputs_max_per_seq", c_uint32),
        ("n_threads", c_int32),
        ("n_threads_batch", c_int32),
        ("ctx_type", c_int),
        ("rope_scaling_type", c_int),
        ("pooling_type", c_int),
        ("attention_type", c_int),
        ("flash_attn_type", c_int),
        ("rope_freq_base", c_float),
        ("rope_freq_scale", c_float),
        ("yarn_ext_factor", c_float),
        ("yarn_attn_factor", c_float),
        ("yarn_beta_fast", c_float),
        ("yarn_beta_slow", c_float),
        ("yarn_orig_ctx", c_uint32),
        ("defrag_thold", c_float),
        ("cb_eval", c_void_p),
        ("cb_eval_user_data", c_void_p),
        ("type_k", c_int),
        ("type_v", c_int),
        ("abort_callback", c_void_p),
        ("abort_callback_data", c_void_p),
        ("embeddings", c_bool),
        ("offload_kqv", c_bool),
        ("no_perf", c_bool),
        ("op_offload", c_bool),
        ("swa_full", c_bool),
        ("kv_unified", c_bool),
        ("samplers", c_void_p),
        ("n_samplers", c_size_t),
        ("ctx_other", c_void_p),
    )


class Batch(Structure):
    """llama_batch"""

    _fields_ = (
        ("n_tokens", c_int32),
        ("token", POINTER(c_int32)),
        ("embd", POINTER(c_float)),
        ("pos", POINTER(c_int32)),
        ("n_seq_id", POINTER(c_int32)),
        ("seq_id", POINTER(POINTER(c_int32))),
        ("logits", POINTER(c_int8)),
    )


class TokenData(Structure):
    """llama_token_data"""

    _fields_ = (("id", c_int32), ("logit", c_float), ("p", c_float))


class TokenDataArray(Structure):
    """llama_token_data_array"""

    _fields_ = (("data", POINTER(TokenData)), ("size", c_size_t), ("selected", c_int64), ("sorted", c_bool))


class LogitBias(Structure):
    """llama_logit_bias"""

    _fields_ = (("token", c_int32), ("bias", c_float))


class ChainParams(Structure):
    """llama_sampler_chain_params"""

    _fields_ = (("no_perf", c_bool),)


class ThreadpoolParams(Structure):
    """ggml_threadpool_params"""

    _fields_ = (
        ("cpumask", c_bool * MAX_THREADS),
        ("n_threads", c_int),
        ("prio", c_int),
        ("poll", c_uint32),
        ("strict_cpu", c_bool),
        ("paused", c_bool),
    )


ProgressCallback = ctypes.CFUNCTYPE(c_bool, c_float, c_void_p)

Signature = tuple[Any, tuple[Any, ...]]

GGML_BASE: dict[str, Signature] = {
    "ggml_backend_dev_name": (c_char_p, (c_void_p,)),
    "ggml_backend_dev_description": (c_char_p, (c_void_p,)),
    "ggml_backend_dev_memory": (None, (c_void_p, POINTER(c_size_t), POINTER(c_size_t))),
    "ggml_backend_dev_type": (c_int, (c_void_p,)),
    "ggml_backend_dev_backend_reg": (c_void_p, (c_void_p,)),
    "ggml_backend_reg_get_proc_address": (c_void_p, (c_void_p, c_char_p)),
    "ggml_threadpool_params_init": (None, (POINTER(ThreadpoolParams), c_int)),
}

GGML: dict[str, Signature] = {
    "ggml_backend_load": (c_void_p, (c_char_p,)),
    "ggml_backend_load_all_from_path": (None, (c_char_p,)),
    "ggml_backend_dev_count": (c_size_t, ()),
    "ggml_backend_dev_get": (c_void_p, (c_size_t,)),
    "ggml_backend_dev_by_type": (c_void_p, (c_int,)),
}

LLAMA: dict[str, Signature] = {
    "llama_version": (c_char_p, ()),
    "llama_backend_init": (None, ()),
    "llama_model_default_params": (ModelParams, ()),
    "llama_context_default_params": (ContextParams, ()),
    "llama_sampler_chain_default_params": (ChainParams, ()),
    "llama_model_load_from_file_ptr": (c_void_p, (c_void_p, ModelParams)),
    "llama_init_from_model": (c_void_p, (c_void_p, ContextParams)),
    "llama_free": (None, (c_void_p,)),
    "llama_attach_threadpool": (None, (c_void_p, c_void_p, c_void_p)),
    "llama_set_n_threads": (None, (c_void_p, c_int32, c_int32)),
    "llama_n_ctx": (c_uint32, (c_void_p,)),
    "llama_get_memory": (c_void_p, (c_void_p,)),
    "llama_set_adapters_lora": (c_int32, (c_void_p, POINTER(c_void_p), c_size_t, POINTER(c_float))),
    "llama_adapter_lora_init_from_file_ptr": (c_void_p, (c_void_p, c_void_p)),
    "llama_adapter_lora_free": (None, (c_void_p,)),
    "llama_model_get_vocab": (c_void_p, (c_void_p,)),
    "llama_model_n_ctx_train": (c_int32, (c_void_p,)),
    "llama_model_n_embd": (c_int32, (c_void_p,)),
    "llama_model_n_embd_out": (c_int32, (c_void_p,)),
    "llama_model_n_layer": (c_int32, (c_void_p,)),
    "llama_model_n_head": (c_int32, (c_void_p,)),
    "llama_model_n_head_kv": (c_int32, (c_void_p,)),
    "llama_model_n_swa": (c_int32, (c_void_p,)),
    "llama_model_n_params": (c_uint64, (c_void_p,)),
    "llama_model_size": (c_uint64, (c_void_p,)),
    "llama_model_desc": (c_int32, (c_void_p, c_char_p, c_size_t)),
    "llama_model_ftype": (c_int, (c_void_p,)),
    "llama_ftype_name": (c_char_p, (c_int,)),
    "llama_model_meta_val_str": (c_int32, (c_void_p, c_char_p, c_char_p, c_size_t)),
    "llama_model_chat_template": (c_char_p, (c_void_p, c_char_p)),
    "llama_model_has_encoder": (c_bool, (c_void_p,)),
    "llama_model_has_decoder": (c_bool, (c_void_p,)),
    "llama_model_is_recurrent": (c_bool, (c_void_p,)),
    "llama_model_is_hybrid": (c_bool, (c_void_p,)),
    "llama_vocab_type": (c_int, (c_void_p,)),
    "llama_vocab_n_tokens": (c_int32, (c_void_p,)),
    "llama_vocab_bos": (c_int32, (c_void_p,)),
    "llama_vocab_eos": (c_int32, (c_void_p,)),
    "llama_vocab_sep": (c_int32, (c_void_p,)),
    "llama_vocab_fim_pre": (c_int32, (c_void_p,)),
    "llama_vocab_fim_suf": (c_int32, (c_void_p,)),
    "llama_vocab_fim_mid": (c_int32, (c_void_p,)),
    "llama_vocab_fim_pad": (c_int32, (c_void_p,)),
    "llama_vocab_fim_rep": (c_int32, (c_void_p,)),
    "llama_vocab_fim_sep": (c_int32, (c_void_p,)),
    "llama_vocab_get_add_bos": (c_bool, (c_void_p,)),
    "llama_vocab_get_add_eos": (c_bool, (c_void_p,)),
    "llama_vocab_get_add_sep": (c_bool, (c_void_p,)),
    "llama_vocab_get_attr": (c_int, (c_void_p, c_int32)),
    "llama_vocab_is_eog": (c_bool, (c_void_p, c_int32)),
    "llama_vocab_get_suppress_tokens": (POINTER(c_int32), (c_void_p, POINTER(c_int32))),
    "llama_tokenize": (c_int32, (c_void_p, c_char_p, c_int32, POINTER(c_int32), c_int32, c_bool, c_bool)),
    "llama_token_to_piece": (c_int32, (c_void_p, c_int32, c_char_p, c_int32, c_int32, c_bool)),
    "llama_memory_clear": (None, (c_void_p, c_bool)),
    "llama_memory_seq_rm": (c_bool, (c_void_p, c_int32, c_int32, c_int32)),
    "llama_memory_seq_cp": (None, (c_void_p, c_int32, c_int32, c_int32, c_int32)),
    "llama_memory_seq_add": (None, (c_void_p, c_int32, c_int32, c_int32, c_int32)),
    "llama_memory_can_shift": (c_bool, (c_void_p,)),
    "llama_state_seq_save_file": (c_size_t, (c_void_p, c_char_p, c_int32, POINTER(c_int32), c_size_t)),
    "llama_state_seq_load_file": (
        c_size_t,
        (c_void_p, c_char_p, c_int32, POINTER(c_int32), c_size_t, POINTER(c_size_t)),
    ),
    "llama_state_seq_get_size": (c_size_t, (c_void_p, c_int32)),
    "llama_state_seq_get_data": (c_size_t, (c_void_p, c_void_p, c_size_t, c_int32)),
    "llama_state_seq_set_data": (c_size_t, (c_void_p, c_void_p, c_size_t, c_int32)),
    "llama_memory_seq_pos_min": (c_int32, (c_void_p, c_int32)),
    "llama_memory_seq_pos_max": (c_int32, (c_void_p, c_int32)),
    "llama_encode": (c_int32, (c_void_p, Batch)),
    "llama_decode": (c_int32, (c_void_p, Batch)),
    "llama_batch_init": (Batch, (c_int32, c_int32, c_int32)),
    "llama_get_logits_ith": (POINTER(c_float), (c_void_p, c_int32)),
    "llama_get_embeddings_ith": (POINTER(c_float), (c_void_p, c_int32)),
    "llama_get_embeddings_seq": (POINTER(c_float), (c_void_p, c_int32)),
    "llama_sampler_chain_init": (c_void_p, (ChainParams,)),
    "llama_sampler_chain_add": (None, (c_void_p, c_void_p)),
    "llama_sampler_free": (None, (c_void_p,)),
    "llama_sampler_apply": (None, (c_void_p, POINTER(TokenDataArray))),
    "llama_sampler_accept": (None, (c_void_p, c_int32)),
    "llama_sampler_sample": (c_int32, (c_void_p, c_void_p, c_int32)),
    "llama_sampler_init_dist": (c_void_p, (c_uint32,)),
    "llama_sampler_init_top_k": (c_void_p, (c_int32,)),
    "llama_sampler_init_top_p": (c_void_p, (c_float, c_size_t)),
    "llama_sampler_init_min_p": (c_void_p, (c_float, c_size_t)),
    "llama_sampler_init_typical": (c_void_p, (c_float, c_size_t)),
    "llama_sampler_init_temp": (c_void_p, (c_float,)),
    "llama_sampler_init_temp_ext": (c_void_p, (c_float, c_float, c_float)),
    "llama_sampler_init_xtc": (c_void_p, (c_float, c_float, c_size_t, c_uint32)),
    "llama_sampler_init_top_n_sigma": (c_void_p, (c_float,)),
    "llama_sampler_init_mirostat": (c_void_p, (c_int32, c_uint32, c_float, c_float, c_int32)),
    "llama_sampler_init_mirostat_v2": (c_void_p, (c_uint32, c_float, c_float)),
    "llama_sampler_init_penalties": (c_void_p, (c_int32, c_int32, c_float, c_float, c_float)),
    "llama_sampler_init_dry": (
        c_void_p,
        (c_void_p, c_float, c_float, c_int32, c_int32, POINTER(c_char_p), c_size_t),
    ),
    "llama_sampler_init_logit_bias": (c_void_p, (c_int32, c_int32, POINTER(LogitBias))),
}

# Our edit of llama.cpp, build/engine/patches/0006-adapters-per-sequence.patch.
ADAPTER_STACK: dict[str, Signature] = {
    "llama_adapter_stack_init": (c_void_p, (c_void_p, c_int32, c_int32)),
    "llama_adapter_stack_free": (None, (c_void_p,)),
    "llama_adapter_stack_set": (c_int32, (c_void_p, c_int32, POINTER(c_void_p), c_size_t, POINTER(c_float))),
    "llama_set_adapter_stack": (c_int32, (c_void_p, c_void_p)),
    "llama_adapter_stack_assign": (c_int32, (c_void_p, c_int32, c_int32)),
}

# Our own library, build/engine/rows/rows.c.
ROWS: dict[str, Signature] = {
    "rows_argmax": (c_int32, (POINTER(c_float), c_int32)),
    "rows_mask": (None, (POINTER(c_float), POINTER(c_uint32), c_int32)),
    "rows_top": (c_int32, (POINTER(c_float), c_int32, c_int32, POINTER(c_int32), POINTER(c_float))),
    "rows_logprob": (c_float, (POINTER(c_float), c_int32, c_int32)),
    "rows_fill": (None, (POINTER(TokenData), POINTER(c_float), c_int32)),
}


class Native:
    """llama.cpp and our library, loaded: their functions are attributes."""

    directory: str

    def __init__(self, directory: str) -> None:
        """Load the libraries in `directory`. Raises: OSError."""
        self.directory = directory
        if sys.platform == "win32":
            os.add_dll_directory(directory)
        for library, functions in zip(LIBRARIES, (GGML_BASE, GGML, LLAMA | ADAPTER_STACK, ROWS), strict=True):
            loaded = ctypes.CDLL(f"{directory}{os.sep}{file_name(library)}")
            for name, (result, arguments) in functions.items():
                function = getattr(loaded, name)
                function.restype, function.argtypes = result, arguments
                setattr(self, name, function)

    def __getattr__(self, name: str) -> Any:
        raise AttributeError(f"`{name}` is not declared in {__name__}")

    def cpu(self) -> int:
        """Return the handle of the processor. Its code is one of the libraries, so there always is one."""
        handle: int = self.ggml_backend_dev_by_type(DEVICE_IS_CPU)
        return handle

    def devices(self) -> Iterator[int]:
        """Yield the handle of every device that the loaded backends offer."""
        for index in range(self.ggml_backend_dev_count()):
            yield self.ggml_backend_dev_get(index)
