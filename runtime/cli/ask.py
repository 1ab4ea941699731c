"""One question, one answer: `-p`. The answer alone goes to stdout."""

from collections.abc import Sequence

from runtime.cli.flags import Options
from runtime.cli.requests import failure, generate_request
from runtime.console import Console
from runtime.engine.direct import DirectClient
from runtime.engine.launch import Worker
from runtime.engine.protocol import Delta, Failed
from runtime.payload import Message


def ask(options: Options, worker: Worker, console: Console, before: Sequence[Message] = ()) -> int:
    """Stream the answer to `options.prompt`, asked behind the messages `before`; return the exit code.

    Raises: UsageError for a prompt that does not fit, the engine's errors.
    """
    client = DirectClient(worker, lambda share: console.status(f"loading the model: {share:.0%}"))
    try:
        if options.raw:
            request = generate_request(options, client.new_id(), prompt=options.prompt)
        else:
            request = generate_request(options, client.new_id(), messages=_messages(options, before))
        for event in client.generate(request):
            if isinstance(event, Delta):
                console.answer(event.text)
            elif isinstance(event, Failed):
                raise failure(event)
        console.answer("\n")
    finally:
        client.close()
    return 0


def _messages(options: Options, before: Sequence[Message]) -> list[dict[str, object]]:
    messages: list[dict[str, object]] = []
    if options.system_prompt:
        messages.append({"role": "system", "content": options.system_prompt})
    messages += [message._asdict() for message in before]
    messages.append({"role": "user", "content": options.prompt})
    return messages
