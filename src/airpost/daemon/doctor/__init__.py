"""What is wrong with this machine and its modems, and what to do: `airpost doctor`."""
