"""The terminal chat with a model made of arithmetic, which answers whatever its first argument says.

By hand or in a pseudo-terminal: `python -m tests.chatting ANSWER [flags]`. The flags are the executable's.
"""

import sys

from runtime.cli.chat.loop import chat
from runtime.cli.parse import parse
from runtime.console import Console
from runtime.engine.config import WorkerConfig
from runtime.engine.launch import launch
from runtime.engine.routing import ModelEntry
from runtime.errors import LmfileError
from runtime.payload import Assistant

CHATML = (
    "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}<|im_start|>assistant\n"
)


def config(answer: str, name: str = "fake", n_ctx: int = 1 << 16) -> WorkerConfig:
    """A worker that says `answer` to everything."""
    return WorkerConfig(model_path=answer, backend="fake", chat_template=CHATML, n_ctx=n_ctx, name=name)


def start(answer: str, *flags: str) -> int:
    """Chat on stdin and stdout; return the exit code. There is a second model, and a third that cannot be loaded."""
    options = parse(["--chat", *flags])[0]
    worker = launch(config(answer, n_ctx=options.ctx_size or 1 << 16))
    others = [config("I am the other.", "other"), config("/nowhere.gguf", "broken")._replace(backend="llama")]
    entries = [ModelEntry(each.name, each) for each in (worker.config, *others)]
    return chat(options, worker, lambda: entries, Assistant(), Console())


if __name__ == "__main__":
    told = Console()
    try:
        sys.exit(start(*sys.argv[1:]))
    except LmfileError as error:
        told.error(str(error))
        sys.exit(error.exit_code)
