"""What the server answers is what /openapi.json says, whatever it is asked."""

from pathlib import Path

from tests.drivers.documented import ask_everything
from tests.serving import serving


def test_no_answer_is_undocumented(tiny: Path, env: dict[str, str], tmp_path: Path) -> None:
    with serving(tiny, "-t", "1", "-c", "256", "-n", "4", "--slot-save-path", str(tmp_path), env=env) as server:
        result = ask_everything(server, n_examples=8, every_border=False)
    assert result.wrong == []
    assert result.sent > 300
