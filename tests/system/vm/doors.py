"""Who gets in at the installed service, and what it tells elsewhere: audit, sockets, TLS."""

from __future__ import annotations

import re

from tests.system.vm.house import ANCHOR, House, say

CONFIG, BEFORE = "/etc/airpost/airpost.toml", "/root/before.toml"
SOCKET = "/run/airpost/http.sock"
LISTENER = "systemd-run -q --unit=listener python3 $PWD/tests/system/vm/listener.py"
CERTIFICATES = """cd /root
for name in one two
do openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 30 \\
  -subj /CN=box -addext subjectAltName=IP:127.0.0.1 -keyout $name.key -out $name.crt 2>&1; done
install -o airpost -m 0400 one.key /etc/airpost/tls.key
install -o airpost -m 0444 one.crt /etc/airpost/tls.crt"""
SENT = """until grep -F '{line}' /root/syslog.log | grep '^{how} .*<109>1 '; do sleep 1; done"""
PID = "systemctl show -P MainPID airpost"
AT_REST = f"airpost audit list --last 1 --json | {ANCHOR}"


def configured(house: House, more: str) -> None:
    """The configuration as it was installed, and so many lines more."""
    house.do(
        f"test -e {BEFORE} || cp {CONFIG} {BEFORE}\ncat {BEFORE} - > {CONFIG} <<'E'\n{more}\nE"
    )
    house.do(f"airpost config check {CONFIG}")


def audited(house: House) -> None:
    """The anchor goes to the journal and a remote syslog, after a change and at the stop."""
    house.do(LISTENER)
    for how in ("udp", "tcp"):
        configured(house, f'[audit]\nsyslog = "{how}://127.0.0.1:5514"')
        began = house.now()
        house.do("systemctl restart airpost; airpost keys create plant --scope send,read")
        line = house.do(AT_REST)
        at, _ = house.when(re.escape(line), began)
        house.do(SENT.format(line=line, how=how))
        say(f"a change, told over {how}", f"{line[:30]}… after {at - began:.0f} s")
        house.do("systemctl stop airpost")
        line = house.do(AT_REST)  # of the store as it lies there
        house.when(re.escape(line), began)
        house.do(SENT.format(line=line, how=how))
        say(f"a stop, told over {how}", f"{line[:30]}…")
        house.do(f"cp {BEFORE} {CONFIG}; systemctl start airpost")
    say("by the journal", house.do("airpost audit verify | grep anchors", "newest at row"))
    house.do("airpost audit list --json | head -n -2 > /tmp/cut")
    house.do("! airpost audit verify --rows /tmp/cut --journal > /tmp/told; cat /tmp/told", "row")
    house.do("! airpost audit verify --rows /tmp/cut --anchors /root/syslog.log")
    say("a cut tail", house.do("head -n 1 /tmp/told"))


def grouped(house: House) -> None:
    """The socket is for the group, and the log knows who of it."""
    house.do("useradd -G airpost op; useradd stranger")
    say("socket", house.do(f"stat -c %U:%G:%a {SOCKET}", ":airpost:660"))
    house.do("runuser -u op -- airpost modems")
    house.do("runuser -u op -- airpost keys create by-op --scope read")
    told = house.do("airpost audit list --last 1 --json", '"key.create".*by-op')
    uid = house.do("id -u op")
    if f"uid={uid}" not in told:
        raise house.failed(f"no {uid} in {told}")
    say("its group", f"uid={uid} is in the audit log")
    refused = house.do("! runuser -u stranger -- airpost modems", "group airpost")
    say("a stranger", refused.splitlines()[-1])


def passed(house: House) -> None:
    """systemd holds the listeners: the first caller starts it, and a restart refuses nobody."""
    house.do("install -m 0644 systemd/airpost.socket /etc/systemd/system/; systemctl daemon-reload")
    house.do("systemctl stop airpost; systemctl enable --now airpost.socket")
    house.do("systemctl is-active airpost || :", "inactive")
    house.do("runuser -u op -- airpost modems; systemctl is-active airpost", "^active|\nactive")
    say("airpost.socket", "the first caller started it")
    say("socket", house.do(f"stat -c %U:%G:%a {SOCKET}", "root:airpost:660"))
    house.do("! runuser -u stranger -- airpost modems", "[Pp]ermission")
    met = house.do(f"python3 tests/system/vm/callers.py {SOCKET}", "'200'")
    if "Error" in met:
        raise house.failed(f"callers during a restart met {met}")
    say("callers during a restart", met)
    house.do("systemctl disable --now airpost.socket; systemctl restart airpost; airpost modems")
    house.do(f"rm /etc/systemd/system/airpost.socket; systemctl daemon-reload; test -S {SOCKET}")


def renewed(house: House) -> None:
    """A certificate is taken anew by `systemctl reload`, and a spoilt one is not."""
    house.do(CERTIFICATES)
    configured(house, '[tls]\ncert = "tls.crt"\nkey = "tls.key"')
    house.do("systemctl restart airpost")
    began, pid = house.now(), house.do(PID)
    told = house.do("python3 tests/system/vm/renewal.py one two", "before: one 200\n")
    if told.splitlines() != ["before: one 200", "reloaded: two 200", "spoilt: two 200"]:
        raise house.failed(f"a renewed certificate: {told}")
    house.when("http.certificate_kept", began)
    if house.do(PID) != pid:
        raise house.failed("a reload has restarted it")
    house.do("airpost audit list --last 9", r"tls\.reload")
    house.do("export AIRPOST_KEY=$(airpost keys create far --scope read --json | sed "
             "'s/.*\"token\": *\"\\([^\"]*\\).*/\\1/'); "
             "SSL_CERT_FILE=/root/two.crt airpost modems --url https://127.0.0.1:8775")  # fmt: skip
    say("a renewed certificate", told.replace("\n", "; "))
    house.do(f"cp {BEFORE} {CONFIG}; systemctl reload airpost")
    house.when(r"run\.config_changed", began)
    house.do("systemctl restart airpost")


STEPS = (audited, grouped, passed, renewed)
