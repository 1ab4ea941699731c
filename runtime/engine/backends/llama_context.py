"""Makes the context of a loaded model: its memory for tokens, its threads, its brake.

The size of the memory is fitted to this computer: what the model was trained for if that
fits, else the most that does. A size that was asked for and does not fit is refused.
"""

import ctypes
import sys
from ctypes import c_void_p

from runtime.engine.backends.llama_model import LoadedModel, load_failure
from runtime.engine.backends.llama_native import FLASH_ATTENTION, MAX_THREADS, Native, ThreadpoolParams
from runtime.engine.backends.llama_threads import ThreadControl
from runtime.engine.config import WorkerConfig
from runtime.errors import OutOfMemory
from runtime.hardware import cpu
from runtime.hardware.memory import memory, private_bytes

KV_ELEMENT_BYTES = 2
N_CTX_STEP = 256
"""llama.cpp rounds the context up to a multiple of this."""

MIN_N_CTX = 512
MARGIN_BYTES = 256 << 20
"""For compute buffers beside the attention mask, and for the rest of the computer."""


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
    """A context and what belongs to it."""

    def __init__(self, model: LoadedModel) -> None:
        """Make it. Raises: OutOfMemory, EngineFailed."""
        native, config = model.native, model.config
        self.brake = Brake()
        self.n_threads, self.n_threads_batch = threads(config)
        params = native.llama_context_default_params()
        params.n_ctx = fitting_n_ctx(model)
        params.n_batch, params.n_ubatch = config.n_batch, min(config.n_batch, config.n_ubatch)
        params.n_outputs_max = 1  # one sequence: room for one row of logits, not for a whole batch of them
        params.n_threads, params.n_threads_batch = self.n_threads, self.n_threads_batch
        params.flash_attn_type = FLASH_ATTENTION[config.flash_attention]
        params.swa_full = False
        params.abort_callback, params.abort_callback_data = self.brake.function, self.brake.argument
        self.handle = native.llama_init_from_model(model.handle, params)
        if not self.handle:
            raise load_failure(config.model_path)
        self.n_ctx: int = native.llama_n_ctx(self.handle)
        self.n_chunk: int = params.n_ubatch
        self.memory: int = native.llama_get_memory(self.handle)
        self._pools = _Pools(native, self.handle, config.poll)
        self.threads: ThreadControl | None = None
        if config.n_threads < 0 and config.n_threads_batch < 0 and self.n_threads > 1:
            self.threads = ThreadControl(self._pools.use, self.brake.pull, self.n_threads)
            self.threads.watch()
        else:
            self._pools.use(self.n_threads, self.n_threads_batch)


class _Pools:
    """ggml's threads, kept from one computation to the next: without a pool it starts new ones for each.

    A pool has to be of exactly the size that is used. The one that is not in use sleeps.
    """

    def __init__(self, native: Native, context: int, poll: int) -> None:
        self._native = native
        self._context = context
        self._poll = max(0, min(100, poll))
        self._made: dict[int, int | None] = {}
        register = native.ggml_backend_dev_backend_reg(native.cpu())
        address = native.ggml_backend_reg_get_proc_address(register, b"ggml_threadpool_new")
        self._new = ctypes.CFUNCTYPE(c_void_p, ctypes.POINTER(ThreadpoolParams))(address) if address else None

    def use(self, n_threads: int, n_threads_batch: int | None = None) -> None:
        """Compute with so many threads from now on."""
        n_batch = n_threads_batch or n_threads
        self._native.llama_set_n_threads(self._context, n_threads, n_batch)
        pool, batch_pool = self._pool(n_threads), self._pool(n_batch)
        if pool and batch_pool:
            self._native.llama_attach_threadpool(self._context, pool, batch_pool)

    def _pool(self, n_threads: int) -> int | None:
        if n_threads not in self._made and self._new:
            params = ThreadpoolParams()
            self._native.ggml_threadpool_params_init(ctypes.byref(params), n_threads)
            params.poll = self._poll
            self._made[n_threads] = self._new(ctypes.byref(params))
        return self._made.get(n_threads)


def threads(config: WorkerConfig) -> tuple[int, int]:
    """Return the threads for one token at a time, and for many."""
    one = config.n_threads if config.n_threads > 0 else cpu.threads()
    many = config.n_threads_batch if config.n_threads_batch > 0 else one
    return min(one, MAX_THREADS), min(many, MAX_THREADS)


def fitting_n_ctx(model: LoadedModel) -> int:
    """Return the tokens of context to make room for. Raises: OutOfMemory."""
    native, config = model.native, model.config
    trained: int = native.llama_model_n_ctx_train(model.handle)
    asked = max(0, config.n_ctx)
    wanted = asked or trained or MIN_N_CTX
    # Weights that are mapped belong in memory too, though no process is charged for them.
    weights_bytes = max(0, native.llama_model_size(model.handle) - private_bytes())
    room_bytes = memory().available - weights_bytes - MARGIN_BYTES
    token_bytes = _token_bytes(model)
    fits: int = max(0, room_bytes // token_bytes) // N_CTX_STEP * N_CTX_STEP
    if wanted > fits and (asked or fits < MIN_N_CTX):
        advice = f"use -c {fits} or less" if fits >= MIN_N_CTX else "close other programs or use a smaller model"
        raise OutOfMemory(
            f"Making room for a context of {wanted} tokens: they take {wanted * token_bytes / 1e9:.1f} GB and "
            f"{max(0, room_bytes) / 1e9:.1f} GB of memory are left; {advice}."
        )
    return min(wanted, fits, trained or fits)


def _token_bytes(model: LoadedModel) -> int:
    """Return what one token of context takes in the KV cache and in the attention mask.

    Counts every layer as if it remembered everything, so sliding-window models are overestimated.
    """
    native, handle = model.native, model.handle
    prefix = model.meta("general.architecture")
    default = native.llama_model_n_embd(handle) // max(1, native.llama_model_n_head(handle))
    head = _number(model, f"{prefix}.attention.key_length", default) + _number(
        model, f"{prefix}.attention.value_length", default
    )
    listed = model.meta(f"{prefix}.attention.head_count_kv")
    if listed.startswith("["):
        n_heads = sum(int(count) for count in listed.strip("[]").split(",") if count.strip().isdecimal())
    else:
        n_heads = native.llama_model_n_layer(handle) * native.llama_model_n_head_kv(handle)
    mask_bytes = 4 * min(model.config.n_batch, model.config.n_ubatch)
    return max(1, int(n_heads * head * KV_ELEMENT_BYTES + mask_bytes))


def _number(model: LoadedModel, key: str, otherwise: int) -> int:
    text = model.meta(key)
    return int(text) if text.isdecimal() else otherwise
