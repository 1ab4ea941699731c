"""Where the server's log goes: what went wrong to the terminal, requests only if asked for, all of it to a file.

--log-file FILE       requests, failures, the beginning and the end, appended; at 100 MB the file becomes FILE.1
--log-requests        requests to the terminal, too; a double click's is for people, and stays quiet
--log-format json     one JSON object per line, in both
"""

import logging
from pathlib import Path

from runtime.cli.flags import Options
from runtime.console import Console
from runtime.server.log_format import Lines, LogFormat

ACCESS = "lmfile.access"
FAILURES = "lmfile.server"
LIFE = "lmfile.life"
"""Where the program listens and why it ends; the terminal is told by the console."""


def set_up(options: Options, console: Console) -> None:
    """Let the loggers of this program write where the command line says. Raises: CannotWrite."""
    form: LogFormat = "json" if options.log_format == "json" else "text"
    parent, access = logging.getLogger("lmfile"), logging.getLogger(ACCESS)
    parent.propagate = False
    parent.setLevel(logging.WARNING)
    access.setLevel(logging.INFO if options.log_requests or options.log_file else logging.CRITICAL)
    logging.getLogger(LIFE).setLevel(logging.INFO if options.log_file else logging.CRITICAL)
    terminal = _Terminal(console)
    terminal.setFormatter(Lines(form))
    shown = {FAILURES, ACCESS} if options.log_requests else {FAILURES}
    terminal.addFilter(lambda record: record.name in shown)
    parent.addHandler(terminal)
    if options.log_file is not None:
        from runtime.cli.log_file import open_log  # who logs to no file does not pay for it

        parent.addHandler(open_log(Path(options.log_file), Lines(form)))


class _Terminal(logging.Handler):
    """Hands lines to the console."""

    def __init__(self, console: Console) -> None:
        super().__init__()
        self._console = console

    def emit(self, record: logging.LogRecord) -> None:
        self._console.note(self.format(record))
