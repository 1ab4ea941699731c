"""Llama 3.1 to 3.3: the whole answer is `{"name": …, "parameters": {…}}`, maybe behind `<|python_tag|>`."""

from runtime.chat import grammars
from runtime.chat.bare import Bare
from runtime.chat.conversation import Conversation

PYTHON = "<|python_tag|>"


class Llama(Bare):
    """One call in each answer: the template takes no more; what the model writes beyond is read all the same."""

    name = "llama"
    tags = (PYTHON,)
    shown = (PYTHON,)
    arguments = "parameters"

    def call_rules(self, conversation: Conversation) -> str:
        return grammars.calls(
            conversation.callable,
            grammars.json_call,
            has_several=False,
            further=grammars.json_rules(arguments=self.arguments),
        )
