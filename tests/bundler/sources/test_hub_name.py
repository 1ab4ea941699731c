"""How models of a hub are written."""

import pytest

from bundler.sources import hub_name
from runtime.errors import UsageError


@pytest.mark.parametrize(
    ("text", "repo", "revision", "quant", "file"),
    [
        ("hf:org/repo", "org/repo", "main", "", ""),
        ("hf://org/Repo-1.5B_v2", "org/Repo-1.5B_v2", "main", "", ""),
        ("hf:org/repo:q4_k_m", "org/repo", "main", "q4_k_m", ""),
        ("hf:org/repo:latest", "org/repo", "main", "", ""),
        ("hf:org/repo:UD-Q4_K_XL", "org/repo", "main", "UD-Q4_K_XL", ""),
        ("hf:org/repo@v1.0:Q8_0", "org/repo", "v1.0", "Q8_0", ""),
        ("hf:org/repo@refs/pr/3", "org/repo", "refs/pr/3", "", ""),
        ("hf:org/repo@refs/pr/3/a.gguf", "org/repo", "refs/pr/3", "", "a.gguf"),
        ("hf:org/repo@feature%2Fx/sub/a b.gguf", "org/repo", "feature/x", "", "sub/a b.gguf"),
        ("hf:org/repo/sub/a.gguf", "org/repo", "main", "", "sub/a.gguf"),
    ],
)
def test_what_a_name_means(text: str, repo: str, revision: str, quant: str, file: str) -> None:
    assert hub_name.read(text) == (text, repo, revision, quant, file)


@pytest.mark.parametrize(
    "text",
    [
        "hf:",
        "hf:repo",
        "hf:org/",
        "hf:/repo",
        "hf:org/repo:",
        "hf:org/repo@",
        "hf:org/repo/",
        "hf:org/repo/../../etc",
        "hf:../x",
        "hf:org/re po",
        "hf:org/repo:Q4 K",
        "hf:org/repo@%00",
        "hf:org/repo/a\\b.gguf",
        "hf:orgé/repo",
        "hf:" + "a" * 200 + "/b",
    ],
)
def test_what_makes_no_sense(text: str) -> None:
    with pytest.raises(
        UsageError, match=r"that is no model of a hub; write hf:ORG/REPO, .* or hf:ORG/REPO@REVISION\.$"
    ):
        hub_name.read(text)
