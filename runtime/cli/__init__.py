"""The command line of the executable: flags, modes and what a person sees in the terminal."""
