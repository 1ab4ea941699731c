"""Which flags a publisher may pack as defaults of an executable, by their long names without dashes, and why no others.

What is packed is given away and runs on other people's computers. So there are no secrets in it, no paths, and nothing
that decides who may reach the program.
"""

OF_THE_MODEL = frozenset(
    """alias ctx-size pooling reranking embd-normalize draft-max stop chat-template chat-template-kwargs reasoning
    reasoning-format reasoning-budget reasoning-budget-message""".split()
)
"""Those that were chosen for the packed model, and mean nothing for another one that `-m` names."""

OF_ANSWERS = frozenset(
    """predict temp top-k top-p min-p repeat-penalty repeat-last-n presence-penalty frequency-penalty seed keep
    context-shift no-cache-prompt""".split()
)

OF_THE_PROGRAM = frozenset(
    """server chat nobrowser port quit-after threads threads-batch gpu-layers gpu parallel models-max
    sleep-idle-seconds max-restarts step-timeout timeout max-per-address log-requests log-format""".split()
)

PACKABLE = OF_THE_MODEL | OF_ANSWERS | OF_THE_PROGRAM

MODES = ("server", "chat")
"""Of these, and -p, a start has one: a packed one gives way to the user's."""

MAX_DEFAULTS = 64
MAX_TEXT = 20_000
MAX_TEMPLATE = 100_000
"""Characters; a template reaches the worker as one argument, and Linux takes 131,072 bytes."""

_SECRET = "api-key api-key-file ssl-cert-file ssl-key-file".split()
_REACH = "host allow-host cors-origin api-prefix otlp-endpoint".split()
_ELSEWHERE = {
    "model": "name it as the model",
    "lora": "name it as an adapter",
    "lora-scaled": "name it as an adapter, with its scale",
    "model-draft": "name it as a model whose role is draft",
    "system-prompt": "give it as the system prompt",
    "chat-template-file": "give its text as the chat template",
}


def why_not(name: str) -> str:
    """Why the flag, which is none of `PACKABLE`, cannot be packed."""
    if name in _SECRET:
        return "would give a secret away; leave it to whoever starts the program"
    if name in _REACH:
        return "decides who is reached; leave it to whoever starts the program"
    if name in _ELSEWHERE:
        return f"is no default; {_ELSEWHERE[name]}"
    return "makes no sense as a default; leave it out"
