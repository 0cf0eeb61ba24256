"""Renews the certificate under a connection that stays open: `renewal.py OLD NEW` (names of PEM).

Prints what the listener shows before, behind `systemctl reload`, and with a file that is no
certificate; ends badly where the open connection was cut.
"""

import http.client
import shutil
import ssl
import subprocess
import sys
import time
from pathlib import Path

PLACE = ("127.0.0.1", 8775)


def shown() -> str:
    """Whose certificate a new connection gets."""
    told = ssl.get_server_certificate(PLACE)
    for name in sys.argv[1:]:
        text = Path(f"/root/{name}.crt").read_text()
        if ssl.PEM_cert_to_DER_cert(text) == ssl.PEM_cert_to_DER_cert(told):
            return name
    return "unknown"


def reload() -> None:
    subprocess.run(["systemctl", "reload", "airpost"], check=True)


def asked() -> int:
    """A request on the connection that stays."""
    kept.request("GET", "/health/live")
    answer = kept.getresponse()
    answer.read()
    return answer.status


context = ssl.create_default_context(cafile=f"/root/{sys.argv[1]}.crt")
kept = http.client.HTTPSConnection(*PLACE, context=context)
print("before:", shown(), asked())
for end in ("key", "crt"):
    shutil.copyfile(f"/root/{sys.argv[2]}.{end}", f"/etc/airpost/tls.{end}")
reload()
began_s = time.monotonic()
while shown() != sys.argv[2]:
    if time.monotonic() - began_s > 120:
        sys.exit("the old one is still shown")
    asked()  # else it would be idle for too long in a slow machine
print("reloaded:", shown(), asked())
Path("/etc/airpost/tls.crt").write_text("nothing of the kind\n")
reload()
time.sleep(5)
print("spoilt:", shown(), asked())
shutil.copyfile(f"/root/{sys.argv[2]}.crt", "/etc/airpost/tls.crt")
