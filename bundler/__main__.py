"""`python -m bundler` is the command `lmfile` in a checkout."""

import signal

if __name__ == "__main__":
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, signal.SIG_DFL)  # or Ctrl-C during the imports is a traceback
    from bundler.cli import main

    raise SystemExit(main())
