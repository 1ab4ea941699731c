"""The entry point, of the executable and of `python -m runtime` in a checkout.

The same program is front and worker: a hidden first argument makes it a worker, a
probe, or what the packer asks about a system prompt, before anything of the front is imported.
"""

import sys

WORKER_FLAG = "--worker"
PROBE_FLAG = "--probe"
BAKE_FLAG = "--bake-state"


def main() -> int:
    """Run as a worker or as the command line; return the exit code."""
    arguments = sys.argv[1:]
    if arguments[:1] == [WORKER_FLAG]:
        from runtime.engine import worker

        return worker.main(arguments[1:])
    if arguments[:1] == [PROBE_FLAG]:
        from runtime.hardware import probe

        return probe.main(arguments[1:])
    if arguments[:1] == [BAKE_FLAG]:
        from runtime.cli import bake

        return bake.main(arguments[1:])
    from runtime.cli.main import main as command_line

    return command_line(arguments)


if __name__ == "__main__":
    sys.exit(main())
