"""The contexts of a loaded model, and the threads that compute in all of them."""

import ctypes
import sys
from ctypes import c_void_p
from threading import Lock
from typing import NamedTuple, Protocol

from runtime.engine.backends import llama_devices
from runtime.engine.backends.llama_model import LoadedModel, load_failure
from runtime.engine.backends.llama_native import FLASH_ATTENTION, MAX_THREADS, Native, ThreadpoolParams
from runtime.engine.backends.llama_threads import ThreadControl
from runtime.engine.config import WorkerConfig
from runtime.errors import ModelUnsupported
from runtime.hardware import cpu


class Brake:
    """Lets another thread stop a computation in native code.

    llama.cpp calls a C function of one pointer before each node of its graph and stops
    when it returns something; here it is `strlen` of a buffer that is empty until `pull`.
    A Python function would need the interpreter's lock a thousand times per token.
    """

    def __init__(self) -> None:
        library = ctypes.CDLL("ucrtbase" if sys.platform == "win32" else None)
        self._flag = ctypes.create_string_buffer(2)
        self.function = ctypes.cast(library.strlen, c_void_p)
        self.argument = ctypes.cast(self._flag, c_void_p)

    def pull(self) -> None:
        self._flag[0] = b"!"

    def release(self) -> None:
        self._flag[0] = b"\0"


class Context:
    """A context: the memory of many sequences over one model."""

    def __init__(self, model: LoadedModel, shape: "Shape", brake: Brake) -> None:
        """Make it. Raises: OutOfMemory, EngineFailed."""
        native, config = model.native, model.config
        params = native.llama_context_default_params()
        params.n_ctx = shape.n_ctx
        params.n_batch, params.n_ubatch = config.n_batch, min(config.n_batch, config.n_ubatch)
        params.n_seq_max = shape.n_sequences
        params.kv_unified = True  # cells that several sequences can hold
        params.n_outputs_max = shape.n_outputs
        params.n_threads, params.n_threads_batch = threads(config)
        params.flash_attn_type = FLASH_ATTENTION[config.flash_attention]
        params.swa_full = False
        params.abort_callback, params.abort_callback_data = brake.function, brake.argument
        self.native = native
        self.handle = native.llama_init_from_model(model.handle, params)
        if not self.handle:
            raise load_failure(config.model_path)
        self.n_ctx: int = native.llama_n_ctx(self.handle)
        self.n_chunk: int = params.n_ubatch
        self.form = f"k{params.type_k} v{params.type_v}{_rope(model, self.n_ctx)}"
        """How it keeps tokens: only a context of the same form can take over what another has computed."""
        self.memory: int = native.llama_get_memory(self.handle)
        if not self.memory:
            raise ModelUnsupported(config.model_path, "it is made for other things than to continue a text")

    def close(self) -> None:
        """Free it; nothing of it may be used any more."""
        self.native.llama_free(self.handle)


def _rope(model: LoadedModel, n_ctx: int) -> str:
    """Some models turn keys by other factors in contexts longer than those that they were first trained with."""
    first = model.meta(f"{model.meta('general.architecture')}.rope.scaling.original_context_length")
    return " long" if first.isdecimal() and n_ctx > int(first) else ""


class Shape(NamedTuple):
    """What a context has room for: tokens, sequences, and rows of logits in one run."""

    n_ctx: int
    n_sequences: int
    n_outputs: int


class HasHandle(Protocol):
    """A context of llama.cpp's."""

    handle: int


class Computing:
    """The threads that compute, for all contexts of a model, and the brake that stops them."""

    def __init__(self, model: LoadedModel) -> None:
        config = model.config
        self.brake = Brake()
        self.n_threads, self.n_threads_batch = threads(config)
        self.control: ThreadControl | None = None
        self._pools = _Pools(model.native, config.poll)
        if on_cpu(model) and self.n_threads > 1 and config.n_threads < 0 and config.n_threads_batch < 0:
            self.control = ThreadControl(self._pools.use, self.brake.pull, self.n_threads)
            self.control.watch()
        else:
            self._pools.use(self.n_threads, self.n_threads_batch)

    def attach(self, context: HasHandle) -> None:
        """Let the threads compute in this context, too."""
        self._pools.attach(context.handle)

    def detach(self, context: HasHandle) -> None:
        """The context is about to be freed."""
        self._pools.detach(context.handle)


class _Pools:
    """ggml's threads, kept from one computation to the next: without a pool it starts new ones for each.

    A pool has to be of exactly the size that is used. Those that are not in use sleep.
    """

    def __init__(self, native: Native, poll: int) -> None:
        self._native = native
        self._poll = max(0, min(100, poll))
        self._contexts: list[int] = []
        self._used = (1, 1)
        self._made: dict[int, int | None] = {}
        self._lock = Lock()
        register = native.ggml_backend_dev_backend_reg(native.cpu())
        address = native.ggml_backend_reg_get_proc_address(register, b"ggml_threadpool_new")
        self._new = ctypes.CFUNCTYPE(c_void_p, ctypes.POINTER(ThreadpoolParams))(address) if address else None

    def use(self, n_threads: int, n_threads_batch: int | None = None) -> None:
        """Compute with so many threads from now on."""
        with self._lock:
            self._used = (n_threads, n_threads_batch or n_threads)
            for context in self._contexts:
                self._apply(context)

    def attach(self, context: int) -> None:
        with self._lock:
            self._contexts.append(context)
            self._apply(context)

    def detach(self, context: int) -> None:
        with self._lock:
            self._contexts.remove(context)

    def _apply(self, context: int) -> None:
        n_threads, n_batch = self._used
        self._native.llama_set_n_threads(context, n_threads, n_batch)
        pool, batch_pool = self._pool(n_threads), self._pool(n_batch)
        if pool and batch_pool:
            self._native.llama_attach_threadpool(context, pool, batch_pool)

    def _pool(self, n_threads: int) -> int | None:
        if n_threads not in self._made and self._new:
            params = ThreadpoolParams()
            self._native.ggml_threadpool_params_init(ctypes.byref(params), n_threads)
            params.poll = self._poll
            self._made[n_threads] = self._new(ctypes.byref(params))
        return self._made.get(n_threads)


def on_cpu(model: LoadedModel) -> bool:
    """Tell whether the model is computed by the processor alone."""
    return model.config.n_gpu_layers == 0 or not llama_devices.accelerators(model.native)


def threads(config: WorkerConfig) -> tuple[int, int]:
    """Return the threads for one token at a time, and for many."""
    one = config.n_threads if config.n_threads > 0 else cpu.threads()
    many = config.n_threads_batch if config.n_threads_batch > 0 else one
    return min(one, MAX_THREADS), min(many, MAX_THREADS)
