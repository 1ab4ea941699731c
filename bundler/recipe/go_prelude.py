"""What stands before a translated template: Ollama's values made of the conversation, and how Go writes values.

Ollama joins messages of one role that follow each other, and gives all system messages as one text, too. Of an
older template's turns each has a system message, a prompt and a response; the last one waits for its response.
"""

ROOT = "root"
PLACE = "v"
TEXT = "go_text"
JSON = "go_json"

MACROS = """\
{%- macro go_json(x) -%}
{{- x|tojson(separators=(',', ':'))|replace('&', '\\\\u0026')|replace('<', '\\\\u003c')|replace('>', '\\\\u003e') -}}
{%- endmacro -%}
{%- macro go_text(x) -%}
{%- if x is string -%}{{- x -}}
{%- elif x is none or x is undefined -%}{{- '<no value>' -}}
{%- elif x is boolean -%}{{- 'true' if x else 'false' -}}
{%- elif x is number -%}{{- x -}}
{%- elif x is not mapping and (x|select('string')|list|length) == (x|length) -%}{{- '[' ~ x|join(' ') ~ ']' -}}
{%- else -%}{{- go_json(x) -}}
{%- endif -%}
{%- endmacro -%}
{%- set v = namespace(system=[], messages=[], turns=[], s='', p='', r='') -%}
{%- for m in messages -%}
{%- set text = m.content if m.content is string else '' -%}
{%- if m.role == 'system' -%}{%- set v.system = v.system + [text] -%}{%- endif -%}
{%- if v.messages and v.messages[-1].role == m.role and m.role != 'tool' -%}
{%- set v.messages = v.messages[:-1] + [dict(v.messages[-1], content=v.messages[-1].content ~ '\\n\\n' ~ text)] -%}
{%- else -%}
{%- set v.messages = v.messages + [{'role': m.role, 'content': text, 'thinking': m.thinking or '', 'images': [],
    'tool_calls': m.tool_calls or [], 'tool_name': m.tool_name or m.name or '',
    'tool_call_id': m.tool_call_id or ''}] -%}
{%- endif -%}
{%- endfor -%}
"""

MESSAGES = """\
{%- set root = {'system': v.system|join('\\n\\n'), 'messages': v.messages, 'tools': tools or [], 'response': '',
    'think': enable_thinking, 'is_think_set': true, 'think_level': reasoning_effort or ''} -%}
"""

_FLUSH = """\
{{%- set v.turns = v.turns + [{{'system': v.s, 'prompt': v.p, 'response': v.r, 'think': enable_thinking,
    'is_think_set': true}}] -%}}
{{%- set v.s = '' -%}}{{%- set v.p = '' -%}}{{%- set v.r = '' -%}}
"""

TURNS = (
    """\
{{%- for m in v.messages -%}}
{{%- if m.role == 'system' -%}}
{{%- if v.p or v.r -%}}
"""
    + _FLUSH
    + """\
{{%- endif -%}}
{{%- set v.s = m.content -%}}
{{%- elif m.role == 'user' -%}}
{{%- if v.r -%}}
"""
    + _FLUSH
    + """\
{{%- endif -%}}
{{%- set v.p = m.content -%}}
{{%- elif m.role == 'assistant' -%}}
{{%- set v.r = m.content -%}}
{{%- endif -%}}
{{%- endfor -%}}
{{%- set is_told = v.r and not add_generation_prompt -%}}
"""
    + _FLUSH
    + """\
{{%- for root in v.turns -%}}
{{%- if not loop.last or is_told -%}}
{turn}
{{%- else -%}}
{last}
{{%- endif -%}}
{{%- endfor -%}}
"""
)
