"""argparse as all commands use it: errors are ours, and nothing may be abbreviated."""

import argparse
from typing import Any, NoReturn

from runtime.errors import UsageError


class Parser(argparse.ArgumentParser):
    """Raises UsageError instead of ending the process."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(allow_abbrev=False, **settings)

    def error(self, message: str) -> NoReturn:
        raise UsageError(f"Reading the command line: {message}; `{self.prog} --help` shows what there is.")
