"""Compiles a chat template as the runtime will: reads {text, into} as JSON, writes what is wrong with it there, or "".

Runs in the portable CPython, with the image's packages and our own code on its path.
"""

import json
import sys
from pathlib import Path

from runtime.engine.backend import InvalidRequest
from runtime.engine.template_program import TemplateProgram


def main() -> None:
    job = json.load(sys.stdin)
    try:
        TemplateProgram(job["text"], {}).check()
        fault = ""
    except InvalidRequest as refusal:
        fault = str(refusal)
    Path(job["into"]).write_text(json.dumps(fault), encoding="utf-8")


if __name__ == "__main__":
    main()
