"""Writes docs/lmfile.schema.json from the records that check recipes.

python docs/schema.py          # writes it
python docs/schema.py --check  # exit code 1 when it is not what it would write
"""

import json
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

from bundler.recipe.toml_tables import schema  # noqa: E402 - the checkout itself, wherever it is called from

FILE = HERE / "lmfile.schema.json"


def main() -> int:
    made = json.dumps(schema(), indent=1, ensure_ascii=False) + "\n"
    if "--check" in sys.argv:
        return int(FILE.read_text(encoding="utf-8") != made)
    FILE.write_text(made, encoding="utf-8", newline="\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
