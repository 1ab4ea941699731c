"""Reads the certificate and the key that `--ssl-cert-file` and `--ssl-key-file` name.

`ssl` is imported here and nowhere else of ours; a start without these flags does not pay for it.
"""

import os
import stat
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from runtime.errors import UsageError

if TYPE_CHECKING:
    import ssl

FAULTS = {
    "MISMATCH": "the key is not that of the certificate",
    "KEY_TOO_SMALL": "the key is too short (of RSA, 2,048 bits are the least)",
    "MD_TOO_WEAK": "the certificate is signed with a hash that is no longer safe",
}
"""By words of OpenSSL's."""
NO_PEM = "they are no PEM files, or the key has a password"


def server_context(certificate: str | None, key: str | None) -> "ssl.SSLContext | None":
    """The settings of a server that speaks TLS 1.2 and later; None when neither file is named.

    Raises: UsageError when one of them is missing or unfit, or everybody may read the key.
    """
    if certificate is None and key is None:
        return None
    if certificate is None or key is None:
        raise UsageError("Reading the command line: --ssl-cert-file and --ssl-key-file go together; give both.")
    for path in (certificate, key):
        _check_readable(path)
    _check_secret(key)
    import ssl

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    try:
        context.load_cert_chain(certificate, key, password=_no_password)
    except (ssl.SSLError, ValueError, OSError) as error:
        reason = next((told for word, told in FAULTS.items() if word in str(error)), NO_PEM)
        raise UsageError(
            f"Reading the certificate `{certificate}` and its key `{key}`: {reason}; "
            f"give a certificate chain and its plain key in PEM."
        ) from error
    return context


def _check_readable(path: str) -> None:
    try:
        with Path(path).open("rb"):
            return
    except OSError as error:
        raise UsageError(f"Reading `{path}` for TLS: {error.strerror}; check the path.") from error


def _check_secret(key: str) -> None:
    """Refuse a key that everybody may read; a group may: on Debian keys belong to the group ssl-cert."""
    if sys.platform != "win32" and os.stat(key).st_mode & stat.S_IRWXO:  # noqa: PTH116
        raise UsageError(f"Reading the TLS key `{key}`: every user may read the file; run `chmod o= {key}`.")


def _no_password() -> str:
    """In place of OpenSSL's question on the terminal."""
    return ""
