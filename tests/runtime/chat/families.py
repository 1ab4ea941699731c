"""Every family: words of its template by which it is known, and its calls as the models write them."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

Call = tuple[str, dict[str, Any]]


@dataclass(frozen=True)
class Sample:
    """template: the words that count. write: an answer of calls alone. thought: marks. many: several calls in a turn.

    prompt: how the rendered prompt ends.
    """

    form: str
    template: str
    write: Callable[[list[Call]], str]
    thought: tuple[str, str] | None = None
    many: bool = True
    prompt: str = ""


def compact(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)


def hermes(calls: list[Call]) -> str:
    return "\n".join(
        f"<tool_call>\n{compact({'name': name, 'arguments': arguments})}\n</tool_call>" for name, arguments in calls
    )


def listed(begin: str, end: str, name_key: str = "name", key: str = "arguments") -> Callable[[list[Call]], str]:
    return lambda calls: begin + compact([{name_key: name, key: arguments} for name, arguments in calls]) + end


def tagged(
    begin: str, head: str, parameter: str, tail: str, end: str, *, each: bool = True, line: str = ""
) -> Callable[[list[Call]], str]:
    """`head` and `parameter` have `{}` for names and values."""

    def one(name: str, arguments: dict[str, Any]) -> str:
        values = [(key, found if isinstance(found, str) else compact(found)) for key, found in arguments.items()]
        inside = "".join(parameter.format(key, f"{line}{value}{line}") + "\n" for key, value in values)
        return f"{head.format(name)}\n{inside}{tail}"

    def write(calls: list[Call]) -> str:
        if each:
            return "\n".join(f"{begin}\n{one(*call)}\n{end}" for call in calls)
        return f"{begin}\n" + "\n".join(one(*call) for call in calls) + f"\n{end}"

    return write


def glm(calls: list[Call]) -> str:
    def one(name: str, arguments: dict[str, Any]) -> str:
        pairs = [(key, found if isinstance(found, str) else compact(found)) for key, found in arguments.items()]
        inside = "".join(f"<arg_key>{key}</arg_key>\n<arg_value>{value}</arg_value>\n" for key, value in pairs)
        return f"<tool_call>{name}\n{inside}</tool_call>"

    return "\n".join(one(*call) for call in calls)


def dsml(calls: list[Call]) -> str:
    def parameter(key: str, value: object) -> str:
        text, word = (value, "true") if isinstance(value, str) else (compact(value), "false")
        return f'<｜DSML｜parameter name="{key}" string="{word}">{text}</｜DSML｜parameter>\n'

    def one(name: str, arguments: dict[str, Any]) -> str:
        inside = "".join(parameter(*item) for item in arguments.items())
        return f'<｜DSML｜invoke name="{name}">\n{inside}</｜DSML｜invoke>\n'

    inside = "".join(one(*call) for call in calls)
    return f"<｜DSML｜function_calls>\n{inside}</｜DSML｜function_calls>"


def bare(key: str) -> Callable[[list[Call]], str]:
    return lambda calls: "\n".join(compact({"name": name, key: arguments}) for name, arguments in calls)


def around_each(begin: str, between: str, end: str, before: str = "", after: str = "") -> Callable[[list[Call]], str]:
    return lambda calls: (
        before + "".join(f"{begin}{name}{between}{compact(arguments)}{end}" for name, arguments in calls) + after
    )


def kimi(calls: list[Call]) -> str:
    inside = "".join(
        f"<|tool_call_begin|>functions.{name}:{index}<|tool_call_argument_begin|>{compact(arguments)}<|tool_call_end|>"
        for index, (name, arguments) in enumerate(calls)
    )
    return f"<|tool_calls_section_begin|>{inside}<|tool_calls_section_end|>"


def functionary32(calls: list[Call]) -> str:
    return ">>>".join(f"{name}\n{compact(arguments)}" for name, arguments in calls)


def gemma4(calls: list[Call]) -> str:
    def value(of: object) -> str:
        if isinstance(of, str):
            return f'<|"|>{of}<|"|>'
        if isinstance(of, dict):
            return "{" + ",".join(f"{key}:{value(inside)}" for key, inside in sorted(of.items())) + "}"
        if isinstance(of, list):
            return "[" + ",".join(map(value, of)) + "]"
        return compact(of)

    return "".join(f"<|tool_call>call:{name}{value(arguments)}<tool_call|>" for name, arguments in calls)


def harmony(calls: list[Call]) -> str:
    ((name, arguments),) = calls
    return f"<|channel|>commentary to=functions.{name} <|constrain|>json<|message|>{compact(arguments)}"


def pythonic(calls: list[Call]) -> str:
    written = [
        f"{name}({', '.join(f'{key}={value!r}' for key, value in arguments.items())})" for name, arguments in calls
    ]
    return f"<|tool_call_start|>[{', '.join(written)}]<|tool_call_end|>"


THINK = ("<think>", "</think>")
FUNCTION = ("<function={}>", "<parameter={}>{}</parameter>", "</function>")
DEEPSEEK = ("<｜tool▁calls▁begin｜>", "<｜tool▁calls▁end｜>")
SAMPLES = [
    Sample("hermes", "tools <tool_call> <think>", hermes, THINK),
    Sample(
        "qwen-coder", "tools <tool_call> <function= <parameter=> </think> add_generation_prompt '<think>\\n'",
        tagged("<tool_call>", *FUNCTION, "</tool_call>", line="\n"),
        THINK, prompt="<think>\n",
    ),
    Sample(
        "seed", "<seed:tool_call> <seed:think>",
        tagged("<seed:tool_call>", *FUNCTION, "</seed:tool_call>"),
        ("<seed:think>", "</seed:think>"),
    ),
    Sample(
        "minimax", "<minimax:tool_call> <think>",
        tagged("<minimax:tool_call>", '<invoke name="{}">', '<parameter name="{}">{}</parameter>', "</invoke>",
               "</minimax:tool_call>", each=False), THINK,
    ),
    Sample(
        "minicpm", '<function name=" <param name=" <think>',
        lambda calls: "\n".join(
            f'<function name="{name}">'
            + "".join(f'<param name="{key}">{one if isinstance(one, str) else compact(one)}</param>'
                      for key, one in arguments.items())
            + "</function>" for name, arguments in calls
        ), THINK,
    ),
    Sample("glm", "tools <tool_call> <arg_key> <think>", glm, THINK),
    Sample("deepseek-dsml", "DSML invoke function_calls <think> add_generation_prompt", dsml, THINK),
    Sample("gemma4", "'<|tool_call>call:' <|channel>thought", gemma4, ("<|channel>thought", "<channel|>")),
    Sample("pythonic", "<|tool_list_start|> tools <think>", pythonic, THINK),
    Sample("functionary-3.1", "<function= </function>", around_each("<function=", ">", "</function>")),
    Sample("functionary-3.2", ">>>all >>>${recipient}", functionary32, prompt=">>>"),
    Sample(
        "mistral", "[TOOL_CALLS] [ARGS] [THINK]", around_each("[TOOL_CALLS]", "[ARGS]", ""), ("[THINK]", "[/THINK]")
    ),
    Sample("mistral", "[TOOL_CALLS] [CALL_ID] [ARGS]", around_each("[TOOL_CALLS]", "[CALL_ID]abcdefgh1[ARGS]", "")),
    Sample(
        "mistral-nemo", "[TOOL_CALLS]",
        lambda calls: "[TOOL_CALLS]" + compact(
            [{"name": name, "arguments": arguments, "id": f"abcdefgh{n}"} for n, (name, arguments) in enumerate(calls)]
        ),
    ),
    Sample("deepseek", "tools <｜tool▁calls▁begin｜> <think>", around_each(
        "<｜tool▁call▁begin｜>", "<｜tool▁sep｜>", "<｜tool▁call▁end｜>", *DEEPSEEK), THINK),
    Sample(
        "deepseek", "<｜tool▁calls▁begin｜> ```json <think> add_generation_prompt <think>\\n",
        around_each("<｜tool▁call▁begin｜>function<｜tool▁sep｜>", "\n```json\n", "\n```<｜tool▁call▁end｜>",
                    "<｜tool▁calls▁begin｜>", "<｜tool▁calls▁end｜>"), THINK, prompt="<think>\n",
    ),
    Sample("kimi", "<|tool_calls_section_begin|> <think>", kimi, THINK),
    Sample(
        "command", "<|START_ACTION|> <|START_THINKING|>",
        lambda calls: "<|START_ACTION|>[\n" + ",\n".join(
            f'    {{"tool_call_id": "{n}", "tool_name": {compact(name)}, "parameters": {compact(arguments)}}}'
            for n, (name, arguments) in enumerate(calls)) + "\n]<|END_ACTION|>",
        ("<|START_THINKING|>", "<|END_THINKING|>"),
    ),
    Sample("granite", "<|tool_call|> available_tools <think>", listed("<|tool_call|>", ""), THINK),
    Sample("phi", "<|tool_call|> tools", listed("<|tool_call|>", "<|/tool_call|>")),
    Sample("nemotron", "<TOOLCALL> <think>", listed("<TOOLCALL>", "</TOOLCALL>"), THINK),
    Sample("apriel", "<tool_calls>[{", listed("<tool_calls>", "</tool_calls>")),
    Sample(
        "minimax-m1", "<tool_calls>",
        lambda calls: "<tool_calls>\n" + "\n".join(
            compact({"name": name, "arguments": arguments}) for name, arguments in calls) + "\n</tool_calls>",
    ),
    Sample("llama", '<|start_header_id|> "parameters": tools', bare("parameters"), many=False),
    Sample("generic", "", bare("arguments"), many=False),
    Sample("harmony", "<|start|> <|channel|> <|message|>", harmony, many=False),
]  # fmt: skip
