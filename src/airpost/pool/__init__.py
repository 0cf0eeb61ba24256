"""Several modems as one service: routing, lanes, dispatch, recovery."""
