"""The commands of `lmfile`, one module each with `parser()`, whose defaults hold `run(options, console) -> exit code`.

A command is loaded when it is asked for, and loads what it needs in `run`: `--help` answers in 50 ms.
"""

COMMANDS = (
    "build",
    "init",
    "convert",
    "quantize",
    "repack",
    "inspect",
    "diff",
    "verify",
    "extract",
    "sign",
    "publish-notes",
    "runtime",
    "doctor",
    "completion",
)
