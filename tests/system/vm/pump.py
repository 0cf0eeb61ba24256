"""Carries octets between a file and a terminal that may hang up: `pump.py FILE TERMINAL`."""

import os
import select
import sys
import time
import tty


def carry(one: int, other: int) -> None:
    """Until either hangs up; OSError."""
    poll = select.poll()
    poll.register(one, select.POLLIN)
    poll.register(other, select.POLLIN)
    while True:
        for descriptor, _ in poll.poll():
            data = os.read(descriptor, 4096)
            if not data:
                raise OSError("it has hung up")
            os.write(one if descriptor == other else other, data)


far = os.open(sys.argv[1], os.O_RDWR)
while True:
    near = os.open(sys.argv[2], os.O_RDWR | os.O_NOCTTY)
    tty.setraw(near)
    try:
        carry(far, near)
    except OSError:
        os.close(near)
        time.sleep(0.2)
