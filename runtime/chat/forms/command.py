"""Command R7B and its kin: thought, action and response, each between marks of its own."""

from runtime.chat import grammars
from runtime.chat.calls import Keys
from runtime.chat.conversation import Tool
from runtime.chat.forms.listed import Listed

HEAD = r'\{[ \n]{0,6}("tool_call_id": ?"[0-9]{1,3}",[ \n]{0,6})?"tool_name": ?'


class Command(Listed):
    """`<|START_ACTION|>[{"tool_call_id": "0", "tool_name": …, "parameters": {…}}]<|END_ACTION|>`.

    The ids of calls count from 0 in every turn, so that they tell nothing apart; the calls get others.
    """

    name = "command"
    block = ("<|START_ACTION|>", "<|END_ACTION|>")
    keys = Keys(names=("tool_name", "name"), ids=())
    think = ("<|START_THINKING|>", "<|END_THINKING|>")

    def __init__(self, template: str) -> None:
        super().__init__(template)
        word = "TEXT" if "<|START_TEXT|>" in template else "RESPONSE"
        self.around_answer = (f"<|START_{word}|>", f"<|END_{word}|>")

    def call_rule(self, tool: Tool) -> str:
        head = grammars.pattern(HEAD, grammars.in_json(tool.name), ',[ \\n]{0,6}"parameters": ?')
        return f"{head} {grammars.schema(tool.parameters)} {grammars.pattern(grammars.SPACE, chr(92) + '}')}"
