"""Asks over and over while the service is restarted: `callers.py SOCKET`; prints how it was met."""

import collections
import http.client
import socket
import subprocess
import sys


def asked() -> str:
    """The status of one request on a connection of its own, or what was wrong."""
    connection = http.client.HTTPConnection("localhost")
    connection.sock = socket.socket(socket.AF_UNIX)
    try:
        connection.sock.settimeout(600)
        connection.sock.connect(sys.argv[1])
        connection.request("GET", "/health/live")
        return str(connection.getresponse().status)
    except OSError as error:
        return type(error).__name__
    finally:
        connection.close()


met = collections.Counter()
with subprocess.Popen(["systemctl", "restart", "airpost"]) as restarting:
    while restarting.poll() is None:
        met[asked()] += 1
met[asked()] += 1
print(*sorted(met.items()))
