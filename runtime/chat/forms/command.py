"""Command R7B and its kin: thought, action and response, each between marks of its own."""

from runtime.chat import grammars
from runtime.chat.calls import Keys
from runtime.chat.forms.listed import Listed

CALL_ID = rf'("tool_call_id": ?"[0-9]{{1,3}}",{grammars.SPACE})?'


class Command(Listed):
    """`<|START_ACTION|>[{"tool_call_id": "0", "tool_name": …, "parameters": {…}}]<|END_ACTION|>`.

    The ids of calls count from 0 in every turn, so that they tell nothing apart; the calls get others.
    """

    name = "command"
    block = ("<|START_ACTION|>", "<|END_ACTION|>")
    keys = Keys(names=("tool_name", "name"), ids=())
    json_rules = grammars.json_rules("tool_name", "parameters", before=CALL_ID)
    think = ("<|START_THINKING|>", "<|END_THINKING|>")

    def __init__(self, template: str) -> None:
        super().__init__(template)
        word = "TEXT" if "<|START_TEXT|>" in template else "RESPONSE"
        self.around_answer = (f"<|START_{word}|>", f"<|END_{word}|>")
