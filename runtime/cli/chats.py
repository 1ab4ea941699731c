"""What the flags say about chats: the template, what it is told, and how a model thinks."""

import json
from pathlib import Path

from runtime.cli.flags import Options
from runtime.engine.config import WorkerConfig
from runtime.errors import UsageError

SWITCH = "enable_thinking"
EFFORT = "reasoning_effort"
WANTED = {"on": True, "off": False, "auto": None}


def with_template(config: WorkerConfig, options: Options) -> WorkerConfig:
    """`config` with the template of the flags. Raises: UsageError for what is none, or what none can be told."""
    told(options)
    if options.chat_template and options.chat_template_file:
        raise UsageError("Reading the command line: --chat-template and --chat-template-file exclude each other.")
    if not options.chat_template and not options.chat_template_file:
        return config
    if options.chat_template_file is None and "chat_template" not in vars(options):
        return _with_packed(config, options.chat_template or "")
    from runtime.engine.backend import InvalidRequest
    from runtime.engine.template_given import by_text, from_file
    from runtime.engine.template_program import TemplateProgram  # Jinja takes 35 ms

    text = by_text(options.chat_template) if options.chat_template else from_file(options.chat_template_file or "")
    try:
        TemplateProgram(text, {}).check()
    except InvalidRequest as refusal:
        said = str(refusal).rstrip(".")
        raise UsageError(f"Reading the command line: {said}; correct it, or leave it out.") from refusal
    if options.chat_template:
        return config._replace(chat_template=text)
    return config._replace(chat_template_file=str(Path(options.chat_template_file or "").absolute()))


def _with_packed(config: WorkerConfig, given: str) -> WorkerConfig:
    """With the publisher's, which is not looked at twice: Jinja takes 35 ms, and the worker refuses a broken one."""
    from runtime.engine.template_given import NAMED

    return config._replace(chat_template=given if "{" in given else NAMED.get(given, ""))


def thinks(options: Options) -> bool | None:
    """Whether a model thinks where nobody says so; None: as its template has it. Raises: UsageError."""
    given, wanted = _given(options).get(SWITCH), WANTED[options.reasoning.lower()]
    if not isinstance(given, bool | None):
        raise UsageError(f"Reading the command line: --chat-template-kwargs: `{SWITCH}` has to be true or false.")
    return given if wanted is None else wanted


def effort(options: Options) -> str:
    """How much a model thinks where nobody says so, in its template's words. Raises: UsageError."""
    return str(_given(options).get(EFFORT, ""))


def values(options: Options) -> dict[str, object]:
    """Return what else the template is told. Raises: UsageError."""
    return {name: value for name, value in _given(options).items() if name not in (SWITCH, EFFORT)}


def told(options: Options) -> dict[str, object]:
    """Return all that the template is told. Raises: UsageError."""
    switch, amount = thinks(options), effort(options)
    found = values(options)
    if switch is not None:
        found[SWITCH] = switch
    return found | ({EFFORT: amount} if amount else {})


def _given(options: Options) -> dict[str, object]:
    try:
        given = json.loads(options.chat_template_kwargs or "{}")
    except (ValueError, RecursionError):
        given = None
    if not isinstance(given, dict):
        raise UsageError(
            'Reading the command line: --chat-template-kwargs is no JSON object; write it as \'{"name": "value"}\'.'
        )
    return given
