"""Chat in the terminal: `--chat`. Works in a pipe, too: every line of stdin is a question.

Ctrl-C stops the answer and keeps the program; at the prompt it ends it, as Ctrl-D does.
"""

import sys
from contextlib import closing, suppress

from runtime.cli.flags import Options
from runtime.cli.requests import failure, generate_request
from runtime.cli.signals import raise_them
from runtime.console import Console
from runtime.engine.direct import DirectClient
from runtime.engine.launch import Worker
from runtime.engine.protocol import Delta, Failed, Finished
from runtime.errors import UsageError

HELP = "Write a question and press Enter. /reset forgets the conversation, /help shows this, /quit or Ctrl-D ends."


def chat(options: Options, worker: Worker, console: Console) -> int:
    """Ask and answer until the input ends; return the exit code. Raises: the engine's errors."""
    client = DirectClient(worker, lambda share: console.status(f"loading the model: {share:.0%}"))
    try:
        facts = client.wait_ready()
        raise_them()
        interactive = sys.stdin.isatty()
        if interactive:
            _remember_lines()
            console.note(f"{facts.name}: {facts.n_ctx} tokens of context. {HELP}")
        _converse(options, client, console, interactive)
    finally:
        client.close()
    return 0


def _converse(options: Options, client: DirectClient, console: Console, interactive: bool) -> None:
    opening: list[dict[str, object]] = []
    if options.system_prompt:
        opening.append({"role": "system", "content": options.system_prompt})
    messages = list(opening)
    while (line := _read(console, interactive)) is not None:
        question = line.strip()
        if question in ("/quit", "/exit"):
            return
        if question == "/reset":
            messages = list(opening)
        elif question == "/help" or (question.startswith("/") and " " not in question):
            console.note(HELP)
        elif question:
            messages = _turn(options, client, console, [*messages, {"role": "user", "content": question}])


def _turn(
    options: Options, client: DirectClient, console: Console, messages: list[dict[str, object]]
) -> list[dict[str, object]]:
    """Stream one answer; return the conversation with it, or without the turn if it failed."""
    answer = ""
    request = generate_request(options, client.new_id(), messages=messages)
    with closing(client.generate(request)) as events:
        try:
            for event in events:
                if isinstance(event, Delta):
                    answer += event.text
                    console.answer(event.text)
                elif isinstance(event, Failed):
                    error = failure(event)
                    if not isinstance(error, UsageError):
                        raise error
                    console.error(str(error))
                    return messages[:-1]
                elif isinstance(event, Finished) and event.reason == "length":
                    console.note(" (stopped: no more tokens allowed)")
        except KeyboardInterrupt:
            console.note(" (stopped)")
    console.answer("\n")
    return [*messages, {"role": "assistant", "content": answer}]


def _read(console: Console, interactive: bool) -> str | None:
    """The next line, or None at the end of the input or on Ctrl-C."""
    if not interactive:
        return sys.stdin.readline() or None
    try:
        return input(console.paint("1;34", "> "))
    except EOFError:
        console.note("")
        return None
    except KeyboardInterrupt:
        console.note("")
        return None


def _remember_lines() -> None:
    """Line editing and history where the platform's Python has readline."""
    with suppress(ImportError):
        import readline  # noqa: F401
