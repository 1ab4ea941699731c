"""From flags to a request of the engine, and from its refusal to an error with a sentence."""

from runtime.cli.chats import told
from runtime.cli.flags import Options
from runtime.engine.protocol import Chat, Failed, Generate, Sampling
from runtime.errors import EngineDied, EngineFailed, LmfileError, UsageError


def sampling(options: Options) -> Sampling:
    """The sampling that the flags ask for."""
    return Sampling(
        temperature=options.temp,
        top_k=options.top_k,
        top_p=options.top_p,
        min_p=options.min_p,
        repeat_penalty=options.repeat_penalty,
        repeat_last_n=options.repeat_last_n,
        presence_penalty=options.presence_penalty,
        frequency_penalty=options.frequency_penalty,
        seed=options.seed,
    )


def generate_request(
    options: Options,
    request_id: int,
    *,
    prompt: str | None = None,
    messages: list[dict[str, object]] | None = None,
) -> Generate:
    """A request for the continuation of `prompt`, or for the next turn after `messages`."""
    return Generate(
        id=request_id,
        prompt=prompt,
        chat=Chat(messages=messages, values=told(options)) if messages else None,
        max_tokens=options.predict,
        stop=list(options.stop),
        sampling=sampling(options),
    )


def failure(event: Failed) -> LmfileError:
    """The error to raise for a request that the engine refused or broke off."""
    if event.kind == "context":
        return UsageError(
            f"Reading the prompt: it has {event.n_prompt} tokens and the context holds {event.n_ctx}; "
            f"shorten it or raise -c."
        )
    if event.kind in ("invalid", "missing"):
        return UsageError(f"Reading the prompt: {event.message}; change the request.")
    if event.kind == "died":
        return EngineDied(f"Answering: {event.message}; start again.")
    return EngineFailed(f"Answering: {event.message}; try again.")
