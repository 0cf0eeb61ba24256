"""hw-sim: simulated GSM modems on real pseudo-terminals, with a network between them."""
