"""`lmfile doctor`: what this computer can build and run, and what it lacks for the rest."""
