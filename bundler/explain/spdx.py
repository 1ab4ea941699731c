"""Licences of models as SPDX names them: hubs and GGUF files write the same names in lower case."""

from typing import Any

NOT_STATED = "not stated"

KNOWN = {
    name.lower(): name
    for name in """
    0BSD AFL-3.0 AGPL-3.0-only AGPL-3.0-or-later Apache-2.0 Artistic-2.0 BSD-2-Clause BSD-3-Clause BSD-3-Clause-Clear
    BSL-1.0 CC-BY-2.0 CC-BY-3.0 CC-BY-4.0 CC-BY-NC-2.0 CC-BY-NC-3.0 CC-BY-NC-4.0 CC-BY-NC-ND-4.0 CC-BY-NC-SA-2.0
    CC-BY-NC-SA-3.0 CC-BY-NC-SA-4.0 CC-BY-ND-4.0 CC-BY-SA-3.0 CC-BY-SA-4.0 CC0-1.0 CDLA-Permissive-1.0
    CDLA-Permissive-2.0 CDLA-Sharing-1.0 ECL-2.0 EPL-1.0 EPL-2.0 EUPL-1.1 EUPL-1.2 GFDL-1.3-only GPL-2.0-only
    GPL-2.0-or-later GPL-3.0-only GPL-3.0-or-later ISC LGPL-2.1-only LGPL-3.0-only LGPL-3.0-or-later MIT MIT-0 MPL-2.0
    MS-PL MulanPSL-2.0 NCSA ODbL-1.0 OFL-1.1 OSL-3.0 PDDL-1.0 PostgreSQL PSF-2.0 Unlicense WTFPL Zlib
    """.split()
}


def licences(stated: str) -> list[dict[str, Any]]:
    """What a publisher states, in the words of CycloneDX: by SPDX's id where there is one, else by name."""
    stated = stated.strip()
    if not stated or stated == NOT_STATED:
        return []
    known = identifier(stated)
    return [{"license": {"id": known} if known else {"name": stated}}]


def identifier(stated: str) -> str:
    """SPDX's id of a licence, in its own spelling; empty: it is not one of those that models have."""
    return KNOWN.get(stated.strip().lower(), "")
