"""The process: configuration, wiring, start, stop, logs, command line."""
