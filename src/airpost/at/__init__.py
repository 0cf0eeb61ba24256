"""AT protocol of 3GPP TS 27.005/27.007, sans-I/O: bytes in, events out; no clock, no port."""
