"""Runs the build tool in a checkout: `python -m bundler`."""

import sys

from bundler.cli import main

sys.exit(main())
