"""SMS codec: 3GPP TS 23.040 and 23.038 as pure functions and values."""
