"""What is wrong with a template, or why it cannot be translated."""


class TemplateFault(Exception):
    """`line` counts from 1 within the template; the reason is a sentence's end behind its name."""

    def __init__(self, line: int, reason: str) -> None:
        super().__init__(reason)
        self.line = line
