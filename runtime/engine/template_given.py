"""Chat templates that somebody gives in place of the model's: from a file, or by the name that llama.cpp knows them by.

Does not know: Jinja, the model.
"""

from pathlib import Path

from runtime.errors import UsageError

MAX_FILE_BYTES = 1 << 20


def _alike(before: str, between: str, behind: str, content: str = "message.content") -> str:
    """A template whose turns are a mark, who speaks, a mark, what is said, a mark."""
    turn = f"'{before}' + message.role + '{between}' + {content} + '{behind}'"
    head = f"'{before}assistant{between}'"
    return (
        f"{{%- for message in messages -%}}{{{{- {turn} -}}}}{{%- endfor -%}}"
        f"{{%- if add_generation_prompt -%}}{{{{- {head} -}}}}{{%- endif -%}}"
    )


GEMMA = """\
{%- set first = namespace(text='') -%}
{%- for message in messages -%}
{%- if message.role == 'system' -%}
{%- set first.text = first.text + message.content | trim -%}
{%- else -%}
{{- '<start_of_turn>' + ('model' if message.role == 'assistant' else message.role) + '\\n' -}}
{%- if first.text and message.role != 'assistant' -%}
{{- first.text + '\\n\\n' -}}
{%- set first.text = '' -%}
{%- endif -%}
{{- message.content | trim + '<end_of_turn>\\n' -}}
{%- endif -%}
{%- endfor -%}
{%- if add_generation_prompt -%}{{- '<start_of_turn>model\\n' -}}{%- endif -%}
"""

LLAMA2 = """\
{%- set place = namespace(is_inside=false) -%}
{%- for message in messages -%}
{%- if not place.is_inside -%}{{- '[INST] ' -}}{%- set place.is_inside = true -%}{%- endif -%}
{%- if message.role == 'system' -%}
{{- '<<SYS>>\\n' + message.content + '\\n<</SYS>>\\n\\n' -}}
{%- elif message.role == 'user' -%}
{{- message.content + ' [/INST]' -}}
{%- else -%}
{{- message.content + '</s>' -}}
{%- set place.is_inside = false -%}
{%- endif -%}
{%- endfor -%}
"""

MISTRAL_V7 = """\
{%- for message in messages -%}
{%- if message.role == 'system' -%}
{{- '[SYSTEM_PROMPT] ' + message.content + '[/SYSTEM_PROMPT]' -}}
{%- elif message.role == 'user' -%}
{{- '[INST] ' + message.content + '[/INST]' -}}
{%- else -%}
{{- ' ' + message.content + '</s>' -}}
{%- endif -%}
{%- endfor -%}
"""

NAMED = {
    "chatml": _alike("<|im_start|>", "\\n", "<|im_end|>\\n"),
    "falcon3": _alike("<|", "|>\\n", "\\n"),
    "gemma": GEMMA,
    "llama2-sys": LLAMA2,
    "llama3": _alike("<|start_header_id|>", "<|end_header_id|>\\n\\n", "<|eot_id|>", "message.content | trim"),
    "mistral-v7": MISTRAL_V7,
    "phi3": _alike("<|", "|>\\n", "<|end|>\\n"),
    "phi4": _alike("<|im_start|>", "<|im_sep|>", "<|im_end|>"),
    "zephyr": _alike("<|", "|>\\n", "<|endoftext|>\\n"),
}
"""By llama.cpp's names, and with its output."""


def by_text(text: str) -> str:
    """Return the template that `text` is, or names. Raises: UsageError."""
    if "{" in text:
        return text
    if text not in NAMED:
        known = ", ".join(NAMED)
        raise UsageError(
            f"Reading the command line: there is no chat template `{text[:80]}`; choose one of {known}, or give "
            f"the text of one, in Jinja."
        )
    return NAMED[text]


def from_file(path: str) -> str:
    """Return the template in the file. Raises: UsageError."""
    try:
        with Path(path).open("rb") as file:
            data = file.read(MAX_FILE_BYTES + 1)
        text = data.decode()
    except OSError as error:
        raise UsageError(
            f"Reading the chat template `{path}`: {error.strerror or error}; name another file."
        ) from error
    except UnicodeDecodeError as error:
        raise UsageError(f"Reading the chat template `{path}`: it is not UTF-8; name another file.") from error
    if not text.strip() or len(data) > MAX_FILE_BYTES:
        raise UsageError(
            f"Reading the chat template `{path}`: expected 1 to {MAX_FILE_BYTES} bytes of Jinja; name another file."
        )
    return text
