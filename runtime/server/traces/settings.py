"""Whether traces are sent, and where to: the flag, or OpenTelemetry's environment variables. Imports nothing slow."""

from collections.abc import Iterator, Mapping
from typing import NamedTuple
from urllib.parse import unquote, urlsplit

from runtime.errors import UsageError

PATH = "/v1/traces"
SERVICE = "lmfile"
MAX_PAIRS = 64


class TraceSettings(NamedTuple):
    """url: of the collector's traces over http or https. headers: sent with each batch. resource: who we are.

    certificate: file of the authorities that may vouch for the collector; empty: the system's. every_s: how often
    a batch is sent that is not full.
    """

    url: str
    headers: tuple[tuple[str, str], ...] = ()
    resource: tuple[tuple[str, str], ...] = (("service.name", SERVICE),)
    certificate: str = ""
    every_s: float = 5.0

    @property
    def is_encrypted(self) -> bool:
        """Whether TLS is needed."""
        return self.url.startswith("https:")


def trace_settings(flag: str | None, environ: Mapping[str, str]) -> tuple[TraceSettings | None, str]:
    """Return where traces go, None for nowhere, and a warning if the environment wants what is not done.

    A variable may be meant for every program of a machine, so one that does not fit stops nothing.
    Raises: UsageError when `flag`, of --otlp-endpoint, is no URL.
    """
    if flag is not None:
        if not _is_url(flag):
            raise UsageError(
                f"Reading the command line: --otlp-endpoint is `{_shown(flag)}`; write it as http://host:4318."
            )
        return _settings(_with_path(flag), environ), ""
    own, common = environ.get("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", ""), environ.get("OTEL_EXPORTER_OTLP_ENDPOINT", "")
    url = own or (_with_path(common) if common else "")
    is_off = environ.get("OTEL_SDK_DISABLED", "").lower() == "true" or environ.get("OTEL_TRACES_EXPORTER") == "none"
    if not url or is_off:
        return None, ""
    name = "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT" if own else "OTEL_EXPORTER_OTLP_ENDPOINT"
    if not _is_url(url):
        return None, f"{name} is no address such as http://host:4318; no traces are sent."
    protocol = environ.get("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL") or environ.get("OTEL_EXPORTER_OTLP_PROTOCOL", "")
    if protocol == "grpc":
        return None, f"{name} wants gRPC and traces go over HTTP only (port 4318); no traces are sent."
    return _settings(url, environ), ""


def _settings(url: str, environ: Mapping[str, str]) -> TraceSettings:
    resource = dict(_pairs(environ.get("OTEL_RESOURCE_ATTRIBUTES", "")))
    resource["service.name"] = environ.get("OTEL_SERVICE_NAME") or resource.get("service.name") or SERVICE
    given = environ.get("OTEL_EXPORTER_OTLP_TRACES_HEADERS") or environ.get("OTEL_EXPORTER_OTLP_HEADERS", "")
    return TraceSettings(
        url,
        tuple((name, value) for name, value in _pairs(given) if (name + value).isprintable()),
        tuple(resource.items()),
        environ.get("OTEL_EXPORTER_OTLP_TRACES_CERTIFICATE") or environ.get("OTEL_EXPORTER_OTLP_CERTIFICATE", ""),
        _every_s(environ.get("OTEL_BSP_SCHEDULE_DELAY", "")),
    )


def _pairs(given: str) -> Iterator[tuple[str, str]]:
    """`a=1,b=%20` as its pairs."""
    for pair in given.split(",")[:MAX_PAIRS]:
        name, equals, value = pair.partition("=")
        if equals and name.strip():
            yield name.strip(), unquote(value.strip())


def _every_s(given_ms: str) -> float:
    known = given_ms.isascii() and given_ms.isdigit() and len(given_ms) < 7
    return max(0.05, int(given_ms) / 1000) if known else 5.0


def _with_path(url: str) -> str:
    return url.rstrip("/") + PATH


def _shown(url: str) -> str:
    """Without the name and password that may be in it."""
    return url.rpartition("@")[2][:100]


def _is_url(url: str) -> bool:
    try:
        parts = urlsplit(url)
        fits = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0 and url.isprintable()
        return fits and "@" not in parts.netloc  # passwords are for OTEL_EXPORTER_OTLP_HEADERS, and not for the log
    except ValueError:
        return False
