"""`airpost.toml`: what it may hold, how it is read, the frozen dataclasses it becomes."""
