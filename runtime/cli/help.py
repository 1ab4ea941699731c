"""The `--help` page, made from the table of flags so that it cannot lie; `--help-all` shows the rare ones, too."""

from runtime.cli.flags import GROUPS, Flag, Options

COLUMN = 33
HIDDEN_DEFAULTS = (None, False, "", ())
MAX_SHOWN = 20

RARE = frozenset(
    """--lora-init-without-apply --pooling --reranking --embd-normalize -tb --keep --no-cache-prompt --slot-save-path
    --context-shift --sleep-idle-seconds --max-restarts --step-timeout --allow-host --cors-origin --api-prefix
    --ssl-cert-file --ssl-key-file --log-requests --log-file --log-format --otlp-endpoint -to --max-per-address
    --repeat-last-n --presence-penalty --frequency-penalty --stop --gpu --licenses --manifest --sbom
    --chat-template --chat-template-file --chat-template-kwargs --reasoning --reasoning-format --reasoning-budget
    --reasoning-budget-message --quit-after --install-desktop --remove-desktop""".split()
)
"""Flags by their first names that only `--help-all` shows."""

EXIT_CODES = """\
Exit codes: 0 done · 10 wrong flag · 11 address open without a key · 20-22 model missing, damaged, unsupported ·
  25-27 adapter missing, unfit, unsupported · 30-33 file damaged, no cache directory, disk full, cache busy ·
  40-42 engine failed, out of memory, died · 50-51 port in use, cannot listen · 129 hung up · 130 Ctrl-C · 143 ended"""


def help_page(program: str, model: str, *, everything: bool = False, defaults: type[Options] = Options) -> str:
    """Return the page: usage, grouped flags with their defaults, the publisher's too, exit codes; 120 columns."""
    lines = [f"{model}: a language model in one file. Nothing leaves this computer.", f"usage: {program} [flags]"]
    for title, flags in GROUPS.items():
        lines.append(f"\n{title}")
        lines += [_line(flag, defaults) for flag in flags if everything or flag.names[0] not in RARE]
    return "\n".join([*lines, "", EXIT_CODES])


def _line(flag: Flag, defaults: type[Options]) -> str:
    names = ", ".join(flag.names[:2])
    spelled = f"  {names} {flag.metavar}".rstrip()
    return f"{spelled:<{COLUMN}} {flag.help}{_default(flag, getattr(defaults, flag.field))}"


def _default(flag: Flag, value: object) -> str:
    if value is True:
        return f" [on; {flag.off} ends it]"
    if value in HIDDEN_DEFAULTS and value == getattr(Options, flag.field):
        return ""
    shown = " ".join((" ".join(value) if isinstance(value, tuple) else str(value)).split())
    return f" [{shown if len(shown) <= MAX_SHOWN else shown[: MAX_SHOWN - 1] + '…'}]"
