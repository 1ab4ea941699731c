"""`lmfile completion`: scripts for shells, made of the commands' own parsers, so that they cannot lie."""
