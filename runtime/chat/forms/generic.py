"""Models whose template has no word for tools: they are told in the system turn how to call one, as JSON.

Small models go on as what they see goes, so each function is shown as the call that it wants, earlier calls stand
in the conversation in the same form, and results as turns of the user. (SmolLM2 with 135M parameters picks the right
one of five functions for 12 of 20 questions so, and for 10 when it is shown their JSON schemas.) The grammar does
the rest: where a call must come there can be nothing else, and where one may come it is valid once it has begun.
One answer is one call: without training for more, models do not find an end.
"""

import json

from runtime.chat import grammars
from runtime.chat.bare import Bare
from runtime.chat.conversation import Conversation, Message
from runtime.chat.turns import functions_in_words, in_words, with_system

MAY = """\
You can call functions. To call one, answer with its line of JSON and nothing else, with values in place of the types; \
otherwise answer in plain words. The functions are:
"""
MUST = """\
You answer with calls of these functions:
"""


class Generic(Bare):
    """`{"name": …, "arguments": {…}}` is the whole answer."""

    name = "generic"
    shows_tools = False

    def call_rules(self, conversation: Conversation) -> str:
        around = "{}" if conversation.must_call else '{} (ws_? "```")?'
        return grammars.calls(
            conversation.callable,
            grammars.json_call,
            has_several=False,
            around=around,
            further=grammars.json_rules(space="" if conversation.must_call else grammars.SPACE),
        )

    def messages(self, conversation: Conversation) -> list[Message]:
        turns = in_words(conversation.messages, _written)
        if not conversation.callable:
            return turns
        words = MUST if conversation.must_call else MAY
        return with_system(turns, words + functions_in_words(conversation.callable))


def _written(name: str, arguments: object) -> str:
    return json.dumps({"name": name, "arguments": arguments}, ensure_ascii=False)
