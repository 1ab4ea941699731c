"""Finds the modules that a script leads to, with PyInstaller's module graph and all its hooks.

Runs inside the portable CPython; reads {"entry", "exclude", "into"} as JSON from stdin and writes
{module: kind} to the file `into`. The graph is used without PyInstaller's `Analysis` around it, which
wants a shared libpython to collect; this interpreter has none.
"""

import json
import sys
from pathlib import Path

from PyInstaller import config


def main() -> None:
    """Do the job on stdin."""
    job = json.load(sys.stdin)
    config.CONF.update(pathex=[], hiddenimports=[], spec=job["entry"], workpath=str(Path(job["into"]).parent))
    Path(job["into"]).write_text(json.dumps(kinds(job["entry"], job["exclude"]), indent=0, sort_keys=True))


def kinds(entry: str, exclude: list[str]) -> dict[str, str]:
    """PyInstaller's kind of every module in the graph of the script `entry`."""
    # Both read CONF while they are imported.
    from PyInstaller.building.build_main import discover_hook_directories
    from PyInstaller.depend.analysis import initialize_modgraph

    graph = initialize_modgraph(excludes=tuple(exclude), user_hook_dirs=discover_hook_directories())
    script = graph.add_script(entry)
    graph.process_post_graph_hooks(None)
    return {node.identifier: type(node).__name__ for node in graph.iter_graph(start=script) if node is not script}


if __name__ == "__main__":
    main()
