"""What there is to say about a loaded model, for people and for `/props`."""

import re
from collections.abc import Callable

from runtime.engine import worker_log
from runtime.engine.backends import llama_devices
from runtime.engine.backends.llama_context import Computing
from runtime.engine.backends.llama_model import LoadedModel
from runtime.engine.backends.llama_native import NO_TOKEN
from runtime.engine.protocol import ModelFacts
from runtime.engine.template_given import from_file

DESCRIPTION_BYTES = 256
INFILL = ("pre", "suf", "mid", "pad", "rep", "sep")
BUFFER_SIZE = re.compile(r"buffer size = +([0-9.]+) MiB")
FLASH_ATTENTION_NODE = "FLASH_ATTN_EXT"


def facts(
    model: LoadedModel, n_ctx: int, n_slots: int, computing: Computing, special: Callable[[int], str]
) -> ModelFacts:
    """Collect them, right after the context was made: two are read from what llama.cpp logged then."""
    native, handle, vocab = model.native, model.handle, model.vocab
    given = model.config.chat_template
    if model.config.chat_template_file:
        given = from_file(model.config.chat_template_file)
    log = worker_log.tail(worker_log.STANDARD_ERROR)
    accelerators = llama_devices.accelerators(native)
    return ModelFacts(
        name=model.config.name or model.meta("general.name"),
        architecture=model.meta("general.architecture"),
        description=model.description(DESCRIPTION_BYTES),
        parameters=native.llama_model_n_params(handle),
        size_bytes=native.llama_model_size(handle),
        n_ctx=n_ctx or model.longest_text,
        n_slots=n_slots,
        n_ctx_train=native.llama_model_n_ctx_train(handle),
        n_vocab=native.llama_vocab_n_tokens(vocab),
        n_embd=native.llama_model_n_embd(handle),
        vocab_type=native.llama_vocab_type(vocab),
        file_type=(native.llama_ftype_name(native.llama_model_ftype(handle)) or b"").decode(),
        chat_template=given or model.template(),
        bos_token=special(native.llama_vocab_bos(vocab)),
        eos_token=special(native.llama_vocab_eos(vocab)),
        n_threads=computing.n_threads,
        n_threads_batch=computing.n_threads_batch,
        n_gpu_layers=model.config.n_gpu_layers if accelerators else 0,
        cpu_variant=llama_devices.cpu_variant(native),
        accelerators=accelerators,
        flash_attention=FLASH_ATTENTION_NODE in log,
        memory_bytes=int(sum(float(size) for size in BUFFER_SIZE.findall(log)) * (1 << 20)),
        pooling=model.pooling,
        generates=model.generates,
        embeds=True,
        reranks=model.reranks,
        tool_template="" if given else model.template("tool_use"),
        bos=native.llama_vocab_bos(vocab),
        eos=native.llama_vocab_eos(vocab),
        adds_bos=native.llama_vocab_get_add_bos(vocab),
        infill=_infill(model),
    )


def _infill(model: LoadedModel) -> dict[str, int]:
    """Return the tokens around the parts of a text to fill in, as far as the model has any."""
    found = {name: getattr(model.native, f"llama_vocab_fim_{name}")(model.vocab) for name in INFILL}
    return {name: token for name, token in found.items() if token != NO_TOKEN}
