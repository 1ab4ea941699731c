"""What a worker is told at its start: which model, where it lies, how to run it.

It travels as `key=value` arguments, so that reading it needs no parser: the worker starts
the native load a few milliseconds after its process. Holds nothing secret (`ps` shows it).
"""

from typing import Literal, NamedTuple

Value = str | int | bool


class WorkerConfig(NamedTuple):
    """One model and how to run it; names and defaults are llama-server's.

    model_path, offset, size: the GGUF, `size` bytes from `offset` of the file; size 0: to its end.
    n_ctx: tokens; 0: what the model was trained for, or less if memory is short.
    n_threads, n_threads_batch, n_gpu_layers: -1: chosen from the machine.
    chat_template, chat_template_file: the text, or where it is, in place of the model's own when not empty.
    backend: fake is for tests; it answers every prompt with `model_path`.
    poll: how long ggml's threads spin before they sleep, 0 to 100.
    n_parallel: requests computed at once; -1: chosen from the context's size.
    context_shift: drop the oldest tokens when a context is full, instead of ending the answer.
    n_draft: tokens guessed ahead by prompt lookup, or by the draft model where there is one.
    adapter_bytes: what the contexts of adapters may take beside the model's own; 0: by memory.
    adapters: those of the command line and of the executable, as runtime.adapters.catalogue.encode writes them.
    lora_dir: a folder whose adapters may be used, too; empty: none.
    pooling: how vectors of texts are made, where the model is not to decide; see `Pooling`.
    step_timeout_s: a step of native code that takes longer is taken for hung, and the process ends; 0: never.
    baked_path, baked_offset, baked_size: where beginnings of prompts lie that are computed already.
    """

    model_path: str
    offset: int = 0
    size: int = 0
    name: str = ""
    backend: Literal["llama", "fake"] = "llama"
    n_ctx: int = 0
    n_batch: int = 2048
    n_ubatch: int = 512
    n_threads: int = -1
    n_threads_batch: int = -1
    n_gpu_layers: int = -1
    flash_attention: Literal["auto", "on", "off"] = "auto"
    use_mmap: bool = True
    use_mlock: bool = False
    chat_template: str = ""
    chat_template_file: str = ""
    poll: int = 50
    max_queue: int = 64
    n_parallel: int = -1
    context_shift: bool = False
    n_draft: int = 0
    draft_path: str = ""
    draft_offset: int = 0
    draft_size: int = 0
    adapter_bytes: int = 0
    adapters: str = ""
    lora_dir: str = ""
    pooling: str = ""
    step_timeout_s: int = 60
    baked_path: str = ""
    baked_offset: int = 0
    baked_size: int = 0

    def arguments(self) -> list[str]:
        """Return the `key=value` arguments that carry this config to a worker."""
        return [f"{key}={int(value) if isinstance(value, bool) else value}" for key, value in self._asdict().items()]


def from_arguments(arguments: list[str]) -> WorkerConfig:
    """Return the config that `arguments` carry. Raises: ValueError for anything but that."""
    values: dict[str, Value] = {}
    for argument in arguments:
        key, separator, text = argument.partition("=")
        if not separator or key not in WorkerConfig._fields:
            raise ValueError(f"`{argument}` is not a setting of a worker")
        default = WorkerConfig._field_defaults.get(key, "")
        values[key] = type(default)(int(text)) if isinstance(default, int) else text
    return WorkerConfig(**values)  # type: ignore[arg-type]
