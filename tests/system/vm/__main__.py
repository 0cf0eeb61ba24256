"""airpost on Debian 12 in a virtual machine, installed as the docs say: `make vm`.

Prints a line a step and ends at the first that is not as it should be. Behind QEMU's USB serial
adapters, and behind a Quectel made of the kernel's gadget driver, are modems of hw-sim. Times are
of the virtual machine's clock: without KVM everything in it runs ten to twenty times slower.
`python -m tests.system.vm FOLDER audited` takes that step alone, once airpost is installed.
"""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

from tests.system.vm.doors import STEPS as DOORS
from tests.system.vm.house import House, say
from tests.system.vm.machine import Machine

MODEMS = ("one", "two", "other", "stick")
READY = r"modem\.ready modem=(\S+) ready"
OPEN_USB = r"""
install -D -m 0644 systemd/airpost-usb-reset.conf \
  /etc/systemd/system/airpost.service.d/usb-reset.conf
cat > /etc/udev/rules.d/61-local.rules <<'R'
ACTION=="add", SUBSYSTEM=="usb", ENV{DEVTYPE}=="usb_device", ATTR{idVendor}=="2c7c", \
  RUN+="/bin/chgrp airpost /sys%p/authorized", RUN+="/bin/chmod g+w /sys%p/authorized"
R
udevadm control --reload
udevadm trigger --action=add --subsystem-match=usb
systemctl daemon-reload
systemctl restart airpost"""
SHOWN = """udevadm info -q property /dev/airpost/{place}-if{at} | grep -E '^(AIRPOST|ID_MM)'
stat -c %G:%a /dev/airpost/{place}-if{at} -L
cat /sys/bus/usb/devices/{place}/power/control"""
SETTLED = """until airpost messages > /tmp/m 2> /dev/null &&
  ! grep -qE ' (queued|sending|uncertain) ' /tmp/m; do sleep 1; done"""
STATES = f"{SETTLED}; awk 'NR > 1 {{print $4}}' /tmp/m | sort | uniq -c"
TROUBLE = "grep -E 'Traceback|[Pp]ermission|Errno|CRITICAL'"


def installed(house: House) -> None:
    house.do("tail -n +2 /root/install.sh | sh -ex")
    say(
        "unit", house.do("systemctl show airpost -p Type -p User -p ActiveState | xargs", "=active")
    )
    say(
        "sandbox",
        house.do("systemd-analyze security --no-pager airpost | tail -n 1", "[0-2]\\.[0-9]"),
    )
    say("unit file", house.do("systemd-analyze verify airpost.service") or "no warning")


def plugged(house: House) -> None:
    machine, began = house.machine, house.now()
    for socket, name in enumerate(("one", "two"), 1):
        machine.plug(name, name, socket)
    (took, lane), (later, _) = (house.ready(socket, began) for socket in (1, 2))
    say(
        "two adapters plugged in",
        f"ready {took:.1f} and {later:.1f} s after their ports were there",
    )
    house.send("first")
    began = house.now()
    machine.unplug("one")
    gone, _ = house.when("usb 1-1: USB disconnect", began)
    told, _ = house.when(rf"modem\.absent modem={lane}", gone)
    say("pulled out", f"{lane} absent after {told - gone:.2f} s")
    machine.plug("other", "other", 5)
    began = house.now()
    house.ready(5, began - 5)
    machine.plug("one", "one", 3)
    took, again = house.ready(3, began)
    if again != lane:
        sys.exit(f"FAILED: {lane} came back as {again}")
    tty = house.do("readlink -f /dev/airpost/1-3-if00")
    say("in another socket, another name", f"{tty}, {lane} ready after {took:.1f} s")
    house.send("after the replug")


def killed(house: House) -> None:
    began = house.now()
    house.do("kill -STOP $(systemctl show -P MainPID airpost)")
    told, _ = house.when("airpost.service: Watchdog timeout", began)
    then, _ = house.when("Started airpost.service", told)
    house.when(READY, then)
    say("SIGSTOP", f"watchdog after {told - began:.1f} s, running again {then - told:.1f} s later")
    house.do("for n in 1 2 3 4; do airpost send +49170123400$n 'kill it' ; done")
    began = house.now()
    house.do("systemctl kill -s KILL airpost")
    then, _ = house.when("Started airpost.service", began)
    house.do(f"{SETTLED}; ! grep -E ' (failed|expired) ' /tmp/m")
    # A report that came while nobody read is lost: what was sent stays so.
    states = " ".join(house.do(STATES).split())
    say("SIGKILL with 4 accepted", f"running again after {then - began:.1f} s; {states}")


def switched(house: House) -> None:
    began = house.now()
    house.machine.qmp("device_add", driver="virtserialport", chardev="stick", name="stick")
    house.do("sh /root/stick.sh")
    there, place = house.when(r"option (\S+):1\.3: GSM modem .* detected", began)
    _, lane = house.when(rf"modem\.moved modem=(\S+) is on /dev/airpost/{place}-if02", there)
    then, _ = house.when(rf"modem\.ready modem={lane} ready", there)
    say("a Quectel of four ports", f"{lane} ready after {then - there:.1f} s")
    say("its udev", " ".join(house.do(SHOWN.format(place=place, at="02")).split()))
    say("USB reset, closed", house.do(f"airpost reset {lane} --how usb", "read-only"))
    house.do(OPEN_USB)
    began = house.now()
    house.when(rf"modem\.ready modem={lane} ready", began - 1)
    house.do(f"airpost reset {lane} --how usb")
    _, took = house.when(rf"healing\.healed modem={lane} rung=usb in (\S+) s", began)
    say("USB reset, opened", f"`authorized` off and on, ready again in {took} s")


def restarted(house: House) -> None:
    began = house.now()
    house.do("systemctl stop airpost && systemctl show -P Result airpost", "success")
    say("systemctl stop", f"{house.now() - began:.1f} s")
    house.do("systemctl start airpost")
    house.machine.reboot()
    house.do("until [ $(airpost modems | grep -c ' ready ') = 3 ]; do sleep 1; done")
    house.send("after the reboot")
    say("reboot", "three modems ready by themselves, a message delivered")
    say("messages", " ".join(house.do(STATES).split()))
    log = house.do(f"journalctl -q --no-pager _SYSTEMD_UNIT=airpost.service | {TROUBLE} || :")
    say("exceptions, missing permissions", log or "none")


def main(folder: Path, *names: str) -> None:
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("told to end"))  # and with it what it began
    ports = [sys.executable, "-m", "hwsim.cli", "--dir", str(folder / "sim")]
    with subprocess.Popen([*ports, "--modems", str(len(MODEMS)), "--air-ms", "1500"]) as sim:
        house = House(Machine(folder))
        try:
            began = time.monotonic()
            house.machine.start()
            for number, name in enumerate(MODEMS):
                house.machine.terminal(name, str((folder / f"sim/modem{number}").resolve()))
            say("boot", f"{time.monotonic() - began:.0f} s; Linux {house.do('uname -r')}")
            for steps in (installed, *DOORS, plugged, killed, switched, restarted):
                if not names or steps.__name__ in ("installed", *names):
                    steps(house)
        finally:
            house.machine.stop()
            sim.terminate()


if __name__ == "__main__":
    main(Path(sys.argv[1]).resolve(), *sys.argv[2:])
