"""The file that the server's log is appended to; of what it has grown beyond, one older file is kept."""

import logging
from logging.handlers import RotatingFileHandler
from pathlib import Path

from runtime.errors import CannotWrite

LIMIT_BYTES = 100_000_000


def open_log(path: Path, form: logging.Formatter) -> logging.Handler:
    """Return what appends records to `path` as `form` writes them. Raises: CannotWrite."""
    try:
        handler = _File(path, maxBytes=LIMIT_BYTES, backupCount=1, encoding="utf-8")
    except OSError as error:
        raise CannotWrite(path, (error.strerror or str(error)).lower()) from error
    handler.setFormatter(form)
    return handler


class _File(RotatingFileHandler):
    """Goes on without lines that cannot be written: a full disk must not end an answer."""

    def handleError(self, record: logging.LogRecord) -> None:
        """Do nothing."""
