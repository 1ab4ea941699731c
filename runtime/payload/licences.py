"""The licence texts of an executable in one text, each under its name."""

from runtime.payload.reader import Payload

ROLE = "license"
FOLDER = "LICENSES/"
RULE = "=" * 78


def licences(payload: Payload) -> str:
    """All of them, in file order. Raises: PayloadDamaged if one is not as it was packed."""
    texts = []
    for member in payload.by_role(ROLE):
        text = payload.read(member).decode("utf-8", "replace")
        texts.append(f"{RULE}\n{member.path.removeprefix(FOLDER)}\n{RULE}\n\n{text.rstrip()}\n")
    return "\n".join(texts)
