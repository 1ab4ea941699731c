"""The flags of the executable, as one table from which parsing and `--help` are made.

Names and defaults follow llama-server where it has the flag. A flag that an older
llamafile or llama-server knew and that has no meaning here is accepted with a warning:
scripts and clients must not break over it.
"""

from typing import Literal, NamedTuple

from runtime.payload.defaults import PACKABLE

Kind = Literal["switch", "int", "float", "text", "file", "list", "texts"]
"""A list has its items between commas; texts are given one by one."""


class Flag(NamedTuple):
    """One flag: its spellings, the field of `Options` it sets, and its bounds (inclusive)."""

    names: tuple[str, ...]
    field: str
    kind: Kind
    help: str
    metavar: str = ""
    low: float = float("-inf")
    high: float = float("inf")
    choices: tuple[str, ...] = ()
    words: tuple[tuple[str, str], ...] = ()
    """Words that stand for a number, such as `all` for 999."""

    @property
    def name(self) -> str:
        """The first long spelling, without its dashes."""
        return next(name for name in self.names if name.startswith("--"))[2:]

    @property
    def off(self) -> str:
        """How a switch is turned off that is on by default: `--no-x` for `--x`, and the other way round."""
        return f"--{self.name[2:].lstrip('-')}" if self.name.startswith("no") else f"--no-{self.name}"


class Options:
    """What the command line asked for: the defaults, until `parse` sets something else.

    None means that nothing was said. A plain class: `dataclasses` would cost every start 5 ms.
    """

    server: bool = False
    chat: bool = False
    prompt: str | None = None
    raw: bool = False
    nobrowser: bool = False
    quit_after: float = 5.0
    model: str | None = None
    alias: str | None = None
    lora: tuple[str, ...] = ()
    lora_scaled: tuple[str, ...] = ()
    lora_dir: str | None = None
    lora_init_without_apply: bool = False
    pooling: str = ""
    reranking: bool = False
    embd_normalize: int = 2
    models_dir: str | None = None
    models_max: int = 4
    sleep_idle_seconds: int = -1
    max_restarts: int = 5
    step_timeout: int = 60
    ctx_size: int = 0
    gpu_layers: int = -1
    gpu: str = "auto"
    threads: int = -1
    threads_batch: int = -1
    parallel: int = -1
    context_shift: bool = False
    keep: int = 0
    no_cache_prompt: bool = False
    draft_max: int = 0
    model_draft: str | None = None
    slot_save_path: str | None = None
    host: str = "127.0.0.1"
    port: int = 8080
    api_key: str | None = None
    api_key_file: str | None = None
    allow_host: str | None = None
    cors_origin: str | None = None
    api_prefix: str = ""
    ssl_cert_file: str | None = None
    ssl_key_file: str | None = None
    timeout: int = 3600
    max_per_address: int = 16
    log_file: str | None = None
    log_format: str = "text"
    log_requests: bool = False
    otlp_endpoint: str | None = None
    system_prompt: str | None = None
    predict: int = -1
    temp: float = 0.8
    top_k: int = 40
    top_p: float = 0.95
    min_p: float = 0.05
    repeat_penalty: float = 1.0
    repeat_last_n: int = 64
    presence_penalty: float = 0.0
    frequency_penalty: float = 0.0
    seed: int = -1
    stop: tuple[str, ...] = ()
    chat_template: str | None = None
    chat_template_file: str | None = None
    chat_template_kwargs: str | None = None
    reasoning: str = "auto"
    reasoning_format: str = "auto"
    reasoning_budget: int = -1
    reasoning_budget_message: str | None = None
    cache_dir: str | None = None
    install_desktop: bool = False
    remove_desktop: bool = False
    help: bool = False
    help_all: bool = False
    version: bool = False
    verify: bool = False
    licenses: bool = False
    manifest: bool = False
    sbom: bool = False


INT_MAX = 2**31 - 1

GROUPS: dict[str, tuple[Flag, ...]] = {
    "What to do (default: serve, and open the chat page in the browser)": (
        Flag(("--server",), "server", "switch", "serve, and leave the browser closed"),
        Flag(("--chat",), "chat", "switch", "chat in the terminal, or answer each line of a pipe"),
        Flag(("-p", "--prompt"), "prompt", "text", "answer one question and end", "TEXT"),
        Flag(("--raw",), "raw", "switch", "with -p: continue the text, without the chat template"),
    ),
    "Model": (
        Flag(("-m", "--model"), "model", "file", "use this GGUF in place of the packed model", "FILE"),
        Flag(("-a", "--alias"), "alias", "text", "name of the model in the API", "NAME"),
        Flag(("--lora",), "lora", "list", "apply these adapters: GGUF files or PEFT folders", "FILE,…"),
        Flag(("--lora-scaled",), "lora_scaled", "list", "the same, each with its weight", "FILE:X,…"),
        Flag(("--lora-dir",), "lora_dir", "file", "requests may choose any adapter in this folder", "DIR"),
        Flag(
            ("--lora-init-without-apply",),
            "lora_init_without_apply",
            "switch",
            "apply adapters only where a request asks",
        ),
        Flag(("-c", "--ctx-size"), "ctx_size", "int", "context in tokens; 0: the model's, if it fits", "N", 0, INT_MAX),
        Flag(("-t", "--threads"), "threads", "int", "threads to generate; -1: one per core", "N", -1, 1024),
        Flag(("-tb", "--threads-batch"), "threads_batch", "int", "threads to read prompts; -1: as -t", "N", -1, 1024),
        Flag(
            ("-ngl", "--gpu-layers", "--n-gpu-layers"),
            "gpu_layers",
            "int",
            "layers on the GPU; -1: all that fit",
            "N",
            -1,
            INT_MAX,
            words=(("auto", "-1"), ("all", "9999")),
        ),
        Flag(
            ("--gpu",),
            "gpu",
            "text",
            "auto, disable, nvidia, amd, apple or vulkan",
            "NAME",
            choices=(
                "auto",
                "disable",
                "disabled",
                "nvidia",
                "cublas",
                "amd",
                "rocm",
                "rocblas",
                "hip",
                "apple",
                "metal",
                "vulkan",
                "vk",
            ),
        ),
        Flag(
            ("--pooling",),
            "pooling",
            "text",
            "vectors of texts: none, mean, cls, last or rank; default: the model's",
            "NAME",
            choices=("none", "mean", "cls", "last", "rank"),
        ),
        Flag(("--reranking", "--rerank"), "reranking", "switch", "score documents: as --pooling rank"),
        Flag(
            ("--embd-normalize",),
            "embd_normalize",
            "int",
            "scale vectors; -1: not, 0: by the greatest, 1: sum, 2: length",
            "N",
            -1,
            1000,
        ),
    ),
    "Many requests, long ones, fast ones": (
        Flag(("-np", "--parallel"), "parallel", "int", "requests computed at once; -1: by memory", "N", -1, 256),
        Flag(("--context-shift",), "context_shift", "switch", "drop the oldest tokens when the context is full"),
        Flag(("--keep",), "keep", "int", "tokens that a shift keeps; -1: all of the prompt", "N", -1, INT_MAX),
        Flag(
            ("--no-cache-prompt",), "no_cache_prompt", "switch", "compute every prompt anew, unless a request objects"
        ),
        Flag(
            ("--draft-max", "--draft", "--draft-n", "--spec-draft-n-max"),
            "draft_max",
            "int",
            "tokens guessed ahead, from the text or by -md; 0: none",
            "N",
            0,
            64,
        ),
        Flag(
            ("-md", "--model-draft", "--spec-draft-model"), "model_draft", "file", "a smaller GGUF that guesses", "FILE"
        ),
        Flag(("--slot-save-path",), "slot_save_path", "file", "requests may save slots in this folder", "DIR"),
    ),
    "Server": (
        Flag(("--host",), "host", "text", "address to listen on; a path ending in .sock: Unix socket", "ADDRESS"),
        Flag(("--port",), "port", "int", "port to listen on; 0: any free one", "N", 0, 65535),
        Flag(("--nobrowser", "--no-browser"), "nobrowser", "switch", "do not open the browser"),
        Flag(
            ("--quit-after",),
            "quit_after",
            "float",
            "end so long after the last page was closed; 0: never",
            "MINUTES",
            0,
            1_000_000,
        ),
        Flag(("--api-key-file",), "api_key_file", "file", "file with API keys, one per line", "FILE"),
        Flag(("--models-dir",), "models_dir", "file", "offer the GGUFs of this folder, too, by their names", "DIR"),
        Flag(("--models-max",), "models_max", "int", "models in memory at once; 0: any number", "N", 0, INT_MAX),
        Flag(
            ("--sleep-idle-seconds",),
            "sleep_idle_seconds",
            "int",
            "free the memory of unused models; -1: never",
            "N",
            -1,
            INT_MAX,
        ),
        Flag(
            ("--max-restarts",), "max_restarts", "int", "crashes within a minute to give up at; 0: never", "N", 0, 1000
        ),
        Flag(("--step-timeout",), "step_timeout", "int", "seconds after which a step hangs; 0: never", "N", 0, INT_MAX),
        Flag(("--allow-host",), "allow_host", "text", "further names to answer to, with commas", "NAME:PORT"),
        Flag(
            ("--cors-origin", "--cors-origins"), "cors_origin", "text", "web pages that may use this, too", "ORIGIN,…"
        ),
        Flag(("--api-prefix",), "api_prefix", "text", "path before every address", "/PATH"),
        Flag(("--ssl-cert-file",), "ssl_cert_file", "file", "speak https with this certificate (PEM)", "FILE"),
        Flag(("--ssl-key-file",), "ssl_key_file", "file", "its key (PEM)", "FILE"),
        Flag(("--log-requests",), "log_requests", "switch", "a line for each request, without what was said"),
        Flag(("--log-file",), "log_file", "file", "append requests and failures to this file", "FILE"),
        Flag(("--log-format",), "log_format", "text", "text or json", "NAME", choices=("text", "json")),
        Flag(("--otlp-endpoint",), "otlp_endpoint", "text", "send traces to this OpenTelemetry collector", "URL"),
        Flag(("-to", "--timeout"), "timeout", "int", "seconds an answer may take in all; 0: any", "N", 0, INT_MAX),
        Flag(("--max-per-address",), "max_per_address", "int", "connections of one other computer", "N", 1, 256),
        Flag(("--api-key",), "api_key", "text", "API key (a file or LMFILE_API_KEY hides it better)", "KEY"),
    ),
    "Answers": (
        Flag(("-n", "--predict", "--n-predict"), "predict", "int", "tokens at most; -1: to the end", "N", -1, INT_MAX),
        Flag(("-sys", "--system-prompt"), "system_prompt", "text", "system prompt of the page, -p and --chat", "TEXT"),
        Flag(("--temp", "--temperature"), "temp", "float", "temperature; 0: the likeliest token", "X", 0, 100),
        Flag(("--top-k",), "top_k", "int", "keep the K likeliest tokens; 0: all", "K", 0, INT_MAX),
        Flag(("--top-p",), "top_p", "float", "keep tokens up to this share", "X", 0, 1),
        Flag(("--min-p",), "min_p", "float", "drop tokens below this share of the best", "X", 0, 1),
        Flag(("--repeat-penalty",), "repeat_penalty", "float", "penalty for repeated tokens; 1: none", "X", 0, 100),
        Flag(("--repeat-last-n",), "repeat_last_n", "int", "tokens that count as repeated", "N", -1, INT_MAX),
        Flag(("--presence-penalty",), "presence_penalty", "float", "flat penalty for used tokens", "X", -100, 100),
        Flag(("--frequency-penalty",), "frequency_penalty", "float", "penalty per use of a token", "X", -100, 100),
        Flag(("-s", "--seed"), "seed", "int", "seed; -1: a new one each time", "N", -1, 2**32 - 1),
        Flag(
            ("--stop", "-r", "--reverse-prompt"), "stop", "texts", "an answer ends before this; may be repeated", "TEXT"
        ),
        Flag(("--chat-template",), "chat_template", "text", "Jinja in place of the model's, or a name: chatml", "TEXT"),
        Flag(("--chat-template-file",), "chat_template_file", "file", "the same, from a file", "FILE"),
        Flag(("--chat-template-kwargs",), "chat_template_kwargs", "text", "further variables of the template", "JSON"),
        Flag(
            ("--reasoning", "-rea"),
            "reasoning",
            "text",
            "whether models think before they answer: on, off or auto",
            "NAME",
            choices=("on", "off", "auto"),
        ),
        Flag(
            ("--reasoning-format",),
            "reasoning_format",
            "text",
            "none, deepseek, deepseek-legacy or auto: apart",
            "NAME",
            choices=("none", "deepseek", "deepseek-legacy", "auto"),
        ),
        Flag(("--reasoning-budget",), "reasoning_budget", "int", "tokens of thought; -1: any", "N", -1, 1 << 24),
        Flag(
            ("--reasoning-budget-message",),
            "reasoning_budget_message",
            "text",
            "said before a thought is broken off",
            "TEXT",
        ),
    ),
    "This file": (
        Flag(("--cache-dir",), "cache_dir", "file", "where to keep the unpacked runtime", "DIR"),
        Flag(("--install-desktop",), "install_desktop", "switch", "add this to the menu of programs (Linux)"),
        Flag(("--remove-desktop",), "remove_desktop", "switch", "take it out again"),
        Flag(("--verify",), "verify", "switch", "check every byte of this file"),
        Flag(("--licenses",), "licenses", "switch", "licence texts of all that is inside"),
        Flag(("--manifest",), "manifest", "switch", "what is inside, as JSON"),
        Flag(("--sbom",), "sbom", "switch", "bill of materials of all that is inside: CycloneDX, as JSON"),
        Flag(("--version",), "version", "switch", "versions of program, engine and model"),
        Flag(("-h", "--help"), "help", "switch", "this page"),
        Flag(("--help-all",), "help_all", "switch", "every flag"),
    ),
}

FLAGS: tuple[Flag, ...] = tuple(flag for group in GROUPS.values() for flag in group)
BY_NAME: dict[str, Flag] = {name: flag for flag in FLAGS for name in flag.names}
BY_OFF: dict[str, Flag] = {flag.off: flag for flag in FLAGS if flag.kind == "switch" and flag.name in PACKABLE}

LEGACY_SWITCHES = frozenset(
    """--unsecure --confine-reads --v2 --cli --nologo --ascii --nothink --trap --fast --precise --no-mmap --mlock
    --embedding --embeddings --metrics --slots --no-slots --jinja --no-jinja --cont-batching -cb --no-cont-batching
    --no-warmup --warmup --log-disable --simple-io --no-display-prompt --no-perf --perf --offline --no-webui --no-ui
    --props --kv-unified -kvu --swa-full --flash-attn-off --interactive
    --no-penalize-nl --special --escape --no-escape -e --recompile --nocompile --fit-off --color -i -cnv -no-cnv
    --cors-credentials --no-cors-credentials --reuse-port --check-tensors --numa-off --silent-prompt --quiet
    --verbose -v""".split()
)
LEGACY_WITH_VALUE = frozenset(
    """-b --batch-size -ub --ubatch-size -fa --flash-attn -ctk --cache-type-k -ctv --cache-type-v --image --mmproj
    --url-prefix --path --log-prefix --log-verbosity -lv --threads-http --cors-methods --cors-headers
    --sse-ping-interval --main-gpu -mg --split-mode -sm --tensor-split -ts --rope-scaling --rope-scale
    --rope-freq-base --rope-freq-scale --yarn-ext-factor --grp-attn-n -gan --grp-attn-w -gaw --load-mode -lm --numa
    --prio --poll --cache-reuse --cache-ram --tfs --typical
    --mirostat --mirostat-lr --mirostat-ent --samplers --dry-multiplier --dry-base --xtc-probability --xtc-threshold
    --fit --gpu-memory --defrag-thold -dt --draft-min --json-schema -j --grammar --grammar-file --control-vector -hf
    --hf-repo -mu --model-url""".split()
)
