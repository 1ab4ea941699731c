"""Computes the system prompt and the starters of an executable that is being built: a mode for the packer alone.

    lmfile --bake-state ORDER

ORDER is a JSON file: `defaults` as they will be packed, `model` (path, offset, size), `messages` that conversations
begin with, `starters`, `output`, the file to write, and `result`, a JSON file for {"form", "tokens"}, empty where
there is nothing worth it, or {"error", "exit_code"}. How far it is goes to stdout, {"done", "total"} in tokens.
Native code writes to stderr, and loads in this very process: its parent sees how it ends.
"""

import json
from pathlib import Path
from typing import Any

from runtime.cli.chats import told, with_template
from runtime.cli.defaults import with_defaults
from runtime.cli.flags import Options
from runtime.console import Console
from runtime.engine.config import WorkerConfig
from runtime.engine.process import settle
from runtime.errors import LmfileError, OutOfMemory

NO_MEMORY = "Computing the system prompt beforehand: the system gave no memory; close other programs."


def main(arguments: list[str]) -> int:
    """Bake what the order says; return the exit code."""
    settle()
    order: dict[str, Any] = json.loads(Path(arguments[0]).read_text(encoding="utf-8"))
    exit_code = 0
    try:
        said = _bake(order, Console())
    except (LmfileError, MemoryError) as failure:
        error = failure if isinstance(failure, LmfileError) else OutOfMemory(NO_MEMORY)
        exit_code = error.exit_code
        said = {"error": str(error), "exit_code": exit_code}
    Path(order["result"]).write_text(json.dumps(said), encoding="utf-8")
    return exit_code


def _bake(order: dict[str, Any], console: Console) -> dict[str, object]:
    from runtime.engine.backends import llama_model
    from runtime.engine.backends.llama import LlamaBackend
    from runtime.engine.baking import Order, bake

    options, _ = with_defaults(Options(), order["defaults"], is_foreign=False)
    model = order["model"]
    config = WorkerConfig(
        model_path=model["path"],
        offset=model["offset"],
        size=model["size"],
        n_ctx=options.ctx_size,
        n_parallel=options.parallel or -1,
        n_gpu_layers=0,
    )
    backend = LlamaBackend(llama_model.load(with_template(config, options), lambda fraction: None))
    wanted = Order(order["messages"], order["starters"], told(options))

    def tell(n_done: int, n_all: int) -> None:
        console.answer(json.dumps({"done": n_done, "total": n_all}) + "\n")

    done = bake(backend, wanted, Path(order["output"]), tell)
    return {"form": done.form if done else "", "tokens": done.tokens if done else 0}
