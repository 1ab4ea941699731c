"""Hostile templates: nothing is reached, and no work is unbounded."""

import time
import tracemalloc
from pathlib import Path

import pytest

from runtime.engine import template_limits
from runtime.engine.backend import InvalidRequest
from runtime.engine.protocol import Chat
from runtime.engine.template import ChatTemplate

SECRETS = ("class '", "built-in function", "subprocess", "root:", "popen", "0x")
HI = [{"role": "user", "content": "Hi"}]

ESCAPES = [
    "{{ ''.__class__ }}",
    "{{ ''.__class__.__mro__[1].__subclasses__() }}",
    "{{ ''|attr('__class__') }}",
    "{{ messages.__class__.__base__ }}",
    "{{ raise_exception.__globals__ }}",
    "{{ raise_exception.__globals__['datetime'] }}",
    "{{ strftime_now.__globals__ }}",
    "{{ range.__globals__ }}",
    "{{ self.__init__.__globals__ }}",
    "{{ self._TemplateReference__context }}",
    "{{ cycler.__init__.__globals__.os.popen('touch CANARY').read() }}",
    "{{ joiner.__init__.__globals__['os'].system('touch CANARY') }}",
    "{{ namespace.__init__.__globals__.os.system('touch CANARY') }}",
    "{{ lipsum.__globals__['os'].popen('touch CANARY').read() }}",
    "{{ '{0.__class__.__init__.__globals__}'.format(raise_exception) }}",
    "{{ '{m.__class__}'.format_map({'m': 1}) }}",
    "{{ ('%s' | format(messages.__class__)) }}",
    "{{ messages.append({'role': 'x'}) }}",
    "{{ messages.pop() }}",
    "{{ messages[0].update({'content': 'x'}) }}",
    "{% set x = messages[0].setdefault('a', 1) %}{{ x }}",
    "{% include '/etc/passwd' %}",
    "{% import 'os' as os %}{{ os }}",
    "{% extends 'x' %}",
    "{{ open('/etc/passwd').read() }}",
    "{{ __import__('os').system('touch CANARY') }}",
    "{{ environment }}{{ environment.tick }}",
    "{{ (messages|map(attribute='__class__')|list) }}",
    "{{ (messages|groupby('__class__')|list) }}",
    "{{ (messages|sort(attribute='__class__.__name__')|list) }}",
    "{{ ([raise_exception]|map('attr', '__globals__')|list) }}",
    "{{ ([1]|map('int.__class__')|list) }}",
    "{{ (1).__class__.__bases__[0].__subclasses__() }}",
    "{{ (messages|first).items.__func__ }}",
    "{% set f = messages[0].get %}{{ f.__self__.__class__ }}",
    "{{ {}.fromkeys.__self__.mro() }}",
    "{{ dict.__subclasses__() }}",
    "{{ dict(a=1).__class__.mro() }}",
    "{{ namespace().__class__ }}",
    "{{ loop }}{% for m in messages %}{{ loop.__class__.__init__.__globals__ }}{% endfor %}",
]

BOMBS = [
    "{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}",
    "{% set r = range(50000) %}{% for a in r %}{% for b in r %}{% for c in r %}{% endfor %}{% endfor %}{% endfor %}",
    "{% for a in range(10**12) %}{% endfor %}",
    "{{ range(99999)|list|length }}{% for a in range(99999) %}{{ range(99999)|list|length }}{% endfor %}",
    "{{ 'x' * 500000000 }}",
    "{{ 500000000 * 'x' }}",
    "{{ [0] * 500000000 }}",
    "{{ ['x' * 100000] * 100000 }}",
    "{{ ('x' * 16000000) ~ ('x' * 16000000) }}",
    "{% set ns = namespace(x='x') %}{% for i in range(60) %}{% set ns.x = ns.x + ns.x %}{% endfor %}{{ ns.x|length }}",
    "{% set ns = namespace(x='x') %}{% for i in range(60) %}{% set ns.x = ns.x ~ ns.x %}{% endfor %}{{ ns.x|length }}",
    "{% set ns = namespace(x=[1]) %}{% for i in range(60) %}{% set ns.x = ns.x + ns.x %}{% endfor %}{{ ns.x|length }}",
    "{% set ns = namespace(x='xx') %}{% for i in range(60) %}{% set ns.x = ns.x|replace('x', 'xxxx') %}{% endfor %}",
    "{% set ns = namespace(x='xx') %}{% for i in range(60) %}{% set ns.x = ns.x.replace('x', 'xxxx') %}{% endfor %}",
    "{% set ns = namespace(x='xx') %}{% for i in range(60) %}{% set ns.x = ns.x.join(ns.x) %}{% endfor %}",
    "{% set ns = namespace(x=3) %}{% for i in range(60) %}{% set ns.x = ns.x * ns.x %}{% endfor %}{{ ns.x }}",
    "{{ 10 ** (10 ** 9) }}",
    "{{ 'x'.center(500000000) }}",
    "{{ 'x'.ljust(500000000) }}",
    "{{ 'x'.zfill(500000000) }}",
    "{{ '\t'.expandtabs(500000000) }}",
    "{{ 'x'|center(500000000) }}",
    "{{ 'x'|indent(500000000, true) }}",
    "{{ 'x'|indent('y' * 10000000)|length }}{{ ('x\n' * 100000)|indent('y' * 10000, true)|length }}",
    "{{ ('x\n' * 1000000)|indent(100000)|length }}",
    "{{ range(99999)|map('string')|join('y' * 1000000)|length }}",
    "{{ ('y' * 1000000).join(range(9999)|map('string'))|length }}",
    "{{ 'x'.translate({120: 'y' * 5000000}) }}",
    "{{ ['x' * 8000000, 'x' * 8000000] }}",
    "{{ ['x' * 8000000, 'x' * 8000000]|string }}",
    "{{ ['x' * 8000000, 'x' * 8000000]|tojson }}",
    "{{ 'a' ~ ['x' * 8000000, 'x' * 8000000] }}",
    "{{ '%s' % ['x' * 8000000, 'x' * 8000000] }}",
    "{{ messages|tojson(indent=500000000) }}",
    "{{ '%500000000d' % 1 }}",
    "{{ '%*d' % (500000000, 1) }}",
    "{{ '%500000000d'|format(1) }}",
    "{{ '{:500000000d}'.format(1) }}",
    "{% macro a() %}{{ a() }}{{ a() }}{% endmacro %}{{ a() }}",
    "{% macro a(n) %}{% if n > 0 %}{{ a(n - 1) }}{{ a(n - 1) }}{% endif %}{% endmacro %}{{ a(60) }}",
    "{% for i in range(99999) %}{{ 'x' * 10000 }}{% endfor %}",
    "{% for i in [[1]] recursive %}{{ loop([[[1]]]) }}{% endfor %}",
    "{% set r = range(3000) %}{% for a in r %}{% for b in r %}{{ r|map('string')|join }}{% endfor %}{% endfor %}",
]

HOSTILE = "{{ ''.__class__ }}{% raw %}{{ raise_exception('x') }}{% endraw %}{% include '/etc/passwd' %}{#"
"""What a client may call a tool, or a variable: it is data and stays so."""

SHOWN = [
    "{{ tools }}",
    "{{ tools[0].function.name }}",
    "{{ tools | tojson }}",
    "{{ tools | map(attribute='function.name') | join }}",
    "{{ '%s' | format(tools[0].function.name) }}",
    "{% macro show(tool) %}{{ tool.function.name ~ tool.function.description }}{% endmacro %}{{ show(tools[0]) }}",
    "{% for key, value in extra.items() %}{{ key }}{{ value }}{% endfor %}",
    "{% set ns = namespace(x=extra) %}{{ ns.x.key }}",
    "{{ extra | tojson }}{{ extra.key | replace('a', 'b') }}",
]

ESCAPES_WITH_DATA = [
    "{{ tools.__class__ }}",
    "{{ tools[0].function.__class__.__mro__ }}",
    "{{ tools | map(attribute='__class__') | list }}",
    "{{ tools | map(attribute=extra.key) | list }}",
    "{{ (tools | attr(extra.key)) }}",
    "{{ tools[extra.key] }}",
    "{{ extra.format.format(raise_exception) }}",
    "{{ extra.format | format(tools) }}{{ extra.format.format_map({'0': tools}) }}",
    "{{ tools.append.__self__.__class__ }}",
    "{{ tools.pop.__func__ }}",
    "{{ [].append.__globals__ }}",
    "{{ dict.update(tools[0], {'x': 1}) }}{{ dict.__subclasses__() }}",
    "{% set ns = namespace(__class__=extra.key) %}{{ ns.__class__ }}{{ ns.__init__.__globals__ }}",
    "{% set _ = tools.append(raise_exception) %}{{ tools[-1].__globals__ }}",
    "{{ messages | sort(attribute=extra.key) | list }}",
    "{{ extra.items.__self__.__class__.mro() }}",
]

BOMBS_WITH_DATA = [
    "{% for a in tools * 99999 %}{% for b in tools * 99999 %}{% endfor %}{% endfor %}",
    "{% set l = tools %}{% for tool in l %}{% set _ = l.append(tool) %}{% endfor %}",
    "{% set l = [] %}{% for i in range(99999) %}{% set _ = l.append('x' * 8000000) %}{% endfor %}",
    "{% set _ = tools.append(tools) %}{{ tools | tojson }}",
    "{% set ns = namespace(x=tools) %}{% for i in range(99999) %}{% set ns.x = [ns.x, ns.x] %}{% endfor %}{{ ns.x }}",
    "{% set ns = namespace(x=1) %}{% for i in range(9999) %}{% set ns.x = [ns.x, 'x' * 8000000] %}{% endfor %}",
    "{% set ns = namespace(x=1) %}{% for i in range(9999) %}{% set ns.x = (ns.x, 'x' * 8000000) %}{% endfor %}",
    "{% set ns = namespace(x=1) %}{% for i in range(9999) %}{% set ns.x = {1: ns.x, 2: 'x' * 8000000} %}{% endfor %}",
    "{% set ns = namespace(x=1) %}{% for i in range(9999) %}{% set ns.x = dict(a=ns.x, b='x' * 8000000) %}{% endfor %}",
    "{{ range(9999) | map('replace', '1', 'y' * 1000000) | list | length }}",
    "{{ range(9999) | map('replace', '1', 'y' * 1000000) | tojson }}",
    "{{ 'x' * extra.number }}",
    "{{ tools | tojson(indent=extra.number) }}",
    "{{ 'x' | indent(extra.number, true) }}",
    "{{ 'x'.ljust(extra.number) }}",
    "{{ 1 | round(extra.number, 'ceil') }}",
    "{{ (1).to_bytes(extra.number, 'big') }}",
    "{{ range(extra.number) | list }}",
    "{{ extra.wide | format(1) }}",
    "{{ extra.wide % 1 }}",
    "{{ 10 ** extra.number }}",
]


def chat_with_data() -> Chat:
    """A chat whose tools and variables are as hostile as a client can make them."""
    function = {"name": HOSTILE, "description": HOSTILE, "parameters": {HOSTILE: HOSTILE}}
    format_ = "{0.__class__.__init__.__globals__}"
    extra = {"key": "__class__", "format": format_, "number": 500_000_000, "wide": "%500000000d", HOSTILE: HOSTILE}
    return Chat(messages=HI, tools=[{"type": "function", "function": function}], values={"extra": extra, HOSTILE: 1})


@pytest.mark.parametrize("template", ESCAPES)
def test_escapes_reach_nothing(template: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    messages = [{"role": "user", "content": "Hi"}]
    try:
        shown = ChatTemplate(template, "", "").render(Chat(messages=messages))
    except InvalidRequest:
        shown = ""
    assert messages == HI
    assert list(tmp_path.iterdir()) == []
    for secret in SECRETS:
        assert secret not in shown, shown


@pytest.mark.parametrize("template", ESCAPES_WITH_DATA)
def test_escapes_by_tools_and_variables_reach_nothing(template: str) -> None:
    chat = chat_with_data()
    try:
        shown = ChatTemplate(template, "", "").render(chat)
    except InvalidRequest:
        shown = ""
    assert chat == chat_with_data()
    for secret in SECRETS:
        assert secret not in shown, shown


@pytest.mark.parametrize("template", SHOWN)
def test_hostile_names_are_data(template: str) -> None:
    shown = ChatTemplate(template, "", "").render(chat_with_data())
    assert "{% include" in shown or shown == "__class__"


@pytest.mark.parametrize("template", [*BOMBS, *BOMBS_WITH_DATA])
def test_bombs_are_bounded(template: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(template_limits, "MAX_WORK_S", 0.1)
    tracemalloc.start()
    before = time.thread_time()
    with pytest.raises(InvalidRequest):
        ChatTemplate(template, "", "").render(chat_with_data())
    spent_s, peak = time.thread_time() - before, tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert spent_s < 5, "a tenth of a second, what one operation costs, and tracing the memory"
    assert peak < 300 << 20


def test_work_ends_after_a_second() -> None:
    before = time.thread_time()
    with pytest.raises(InvalidRequest, match="it runs for more than 1 s"):
        ChatTemplate(BOMBS[0], "", "").render(Chat(messages=HI))
    assert 1 <= time.thread_time() - before < 1.5


def test_ordinary_work_is_not_bounded() -> None:
    many = [{"role": ("user", "assistant")[turn % 2], "content": "word " * 200} for turn in range(1000)]
    assert len(ChatTemplate("", "", "").render(Chat(messages=many))) > 1_000_000


@pytest.mark.parametrize(
    "source", ["{{ " + "(" * 50_000, "{% if 1 %}" * 3000, "{{ 1" + " + 1" * 5000 + " }}", "{" * 9999]
)
def test_deep_templates_are_refused_or_run(source: str) -> None:
    try:
        ChatTemplate(source, "", "").render(Chat(messages=HI))
    except InvalidRequest as refusal:
        assert "chat template" in str(refusal)


def test_a_huge_template_is_refused() -> None:
    with pytest.raises(InvalidRequest, match="characters"):
        ChatTemplate("x" * 2_000_000, "", "").render(Chat(messages=HI))
