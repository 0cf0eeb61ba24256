"""What an error code means: TP-ST, TP-FCS, CMS and CME as data, and one function that judges.

Pure. TP-ST: TS 23.040 9.2.3.15. TP-FCS: 9.2.3.22. CMS: TS 27.005 3.2.5 (below 128 the RP causes of
TS 24.011 8.2.5.4, 128 to 255 TP-FCS, from 512 manufacturers). CME: TS 27.007 9.2. Nobody else in
airpost decides what is tried again.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum

from airpost.codec.status import EXPIRED, StatusClass, status_class
from airpost.outcome import Outcome, OutcomeClass, Scope


class Phase(Enum):
    """When the code came, which decides what a catch-all can mean."""

    BEFORE_PDU = "before"  # the modem cannot have sent anything
    AFTER_PDU = "after"


@dataclass(frozen=True, slots=True, kw_only=True)
class Cause:
    """One code: its class and scope once the PDU was handed over, and its name."""

    cls: OutcomeClass
    scope: Scope
    text: str
    sim_doubt: bool = False  # says "message" but is often the SIM, or (304) the modem


_CLASSES = {"T": OutcomeClass.TRANSIENT, "P": OutcomeClass.PERMANENT, "U": OutcomeClass.UNKNOWN}
_SCOPES = {"msg": Scope.MESSAGE, "dst": Scope.DESTINATION, "sim": Scope.SIM, "mod": Scope.MODEM}


def _table(rows: str) -> dict[int, Cause]:
    """Rows of `code class scope name`; `!` behind the class marks sim_doubt."""
    causes = {}
    for row in rows.strip().splitlines():
        code, cls, scope, text = row.split(maxsplit=3)
        causes[int(code)] = Cause(
            cls=_CLASSES[cls[0]], scope=_SCOPES[scope], text=text, sim_doubt=cls.endswith("!")
        )
    return causes


def _reserved(codes: range, row: str) -> dict[int, Cause]:
    return {code: cause for code in codes for cause in _table(f"{code} {row}").values()}


FCS = _reserved(range(128, 200), "P msg refused by the SC, reserved TP-FCS") | _table("""
128 P msg telematic interworking not supported
129 P msg short message type 0 not supported
130 P msg cannot replace short message
143 P msg unspecified TP-PID error
144 P msg data coding scheme (alphabet) not supported
145 P msg message class not supported
159 P msg unspecified TP-DCS error
160 P msg command cannot be actioned
161 P msg command unsupported
175 P msg unspecified TP-Command error
176 P msg TPDU not supported
192 T sim SC busy
193 P sim no SC subscription
194 T sim SC system failure
195 P dst invalid SME address
196 P dst destination SME barred
197 P msg SM rejected, duplicate SM
198 P msg TP-VPF not supported
199 P msg TP-VP not supported
208 P sim (U)SIM SMS storage full
209 P sim no SMS storage capability in (U)SIM
210 T mod error in MS
211 T mod memory capacity exceeded
212 T sim (U)SIM application toolkit busy
213 P sim (U)SIM data download error
""")

# TS 24.011 8.2.5.4: every other cause of a refused submission is read as 41.
CMS = (
    _reserved(range(1, 128), "T sim temporary failure, reserved RP cause")
    | FCS
    | _table("""
1 P dst unassigned (unallocated) number
8 P sim operator determined barring
10 P sim call barred
17 T sim network failure
21 P! msg short message transfer rejected
22 T sim congestion
27 T dst destination out of service
28 P dst unidentified subscriber
29 P msg facility rejected
30 P! dst unknown subscriber
31 T sim refused without a reason
34 T mod no channel available
38 T sim network out of order
41 T sim temporary failure
42 T sim congestion
47 T sim resources unavailable
50 P! msg requested facility not subscribed
69 P! msg requested facility not implemented
81 T mod invalid short message transfer reference value
95 P msg invalid message
96 P msg invalid mandatory information
97 P msg message type non-existent or not implemented
98 T mod message not compatible with the protocol state
99 P msg information element non-existent or not implemented
111 T sim protocol error
127 T sim interworking
255 U msg unspecified error cause
256 T mod operation temporarily not allowed
258 T mod phone busy
259 T mod user abort
262 P sim SIM blocked
300 T mod ME failure
301 T mod SMS service of ME reserved
302 T mod operation not allowed
303 P mod operation not supported
304 P! msg invalid PDU mode parameter
305 P mod invalid text mode parameter
310 P sim SIM not inserted
311 P sim SIM PIN required
312 P sim PH-SIM PIN required
313 P sim SIM failure
314 T sim SIM busy
315 P sim SIM wrong
316 P sim SIM PUK required
317 P sim SIM PIN2 required
318 P sim SIM PUK2 required
320 P mod memory failure
321 P mod invalid memory index
322 P sim memory full
330 P sim SMSC address unknown
331 T sim no network service
332 U sim network timeout
340 P mod no +CNMA acknowledgement expected
500 U mod unknown error
512 T mod user abort, or collision with an incoming message
513 T sim lower layer failure
514 T sim network error
515 T mod not available, initialisation in progress
516 P msg invalid length
517 P msg invalid character in PDU
519 P msg invalid length or character
520 P msg invalid character in text
521 T sim timer expired
522 T mod operation temporarily not allowed
532 T sim SIM not ready
534 P mod cell broadcast error
535 T mod packet service busy
538 P msg invalid parameter
549 P msg incorrect PDU length
550 P msg invalid message type indicator
551 P msg invalid characters in address
553 P msg incorrect user data length
554 P msg incorrect SMSC address length
615 T sim network failure
616 T sim network is down
640 T mod operation temporarily not allowed
764 P mod missing input value
765 P mod invalid input value
767 T mod operation failed
769 T mod required module is in use
770 P sim SIM invalid, network reject
772 P sim SIM powered down
""")
)

CME = _table("""
0 T mod phone failure
1 T mod no connection to phone
2 T mod phone adaptor link reserved
3 T mod operation not allowed
4 P mod operation not supported
5 P sim PH-SIM PIN required
6 P sim PH-FSIM PIN required
7 P sim PH-FSIM PUK required
10 P sim SIM not inserted
11 P sim SIM PIN required
12 P sim SIM PUK required
13 P sim SIM failure
14 T sim SIM busy
15 P sim SIM wrong
16 P sim incorrect password
17 P sim SIM PIN2 required
18 P sim SIM PUK2 required
20 P sim memory full
21 P mod invalid index
22 P mod not found
23 P mod memory failure
24 P mod text string too long
25 P mod invalid characters in text string
26 P mod dial string too long
27 P mod invalid characters in dial string
30 T sim no network service
31 T sim network timeout
32 T sim network not allowed, emergency calls only
40 P sim network personalisation PIN required
41 P sim network personalisation PUK required
42 P sim network subset personalisation PIN required
43 P sim network subset personalisation PUK required
44 P sim service provider personalisation PIN required
45 P sim service provider personalisation PUK required
46 P sim corporate personalisation PIN required
47 P sim corporate personalisation PUK required
48 P sim hidden key required
49 P mod EAP method not supported
50 P mod incorrect parameters
51 P mod command implemented but currently disabled
52 T mod command aborted by user
53 T sim not attached to network
54 T sim restricted to emergency calls
55 T mod operation not allowed because of MT functionality restrictions
56 P sim fixed dialling only, and the number is none of them
57 T mod temporarily out of service due to other MT usage
58 P mod language or alphabet not supported
59 P mod unexpected data value
60 T mod system failure
61 P mod data missing
62 P sim call barred
100 U mod unknown
103 P sim illegal MS
105 P mod IMEI not accepted
106 P mod illegal ME
107 P sim packet services not allowed
111 P sim PLMN not allowed
112 T sim location area not allowed
113 P sim roaming not allowed in this location area
116 T sim MSC temporarily not reachable
117 T sim network failure during attach
122 T sim congestion
126 T sim insufficient resources
132 P sim service option not supported
133 P sim requested service option not subscribed
134 T sim service option temporarily out of order
139 T sim CS service temporarily unavailable
148 T sim unspecified packet error
256 T mod operation temporarily not allowed
257 T sim call barred
258 T mod phone is busy
259 T mod user abort
262 P sim SIM blocked
515 T mod device busy
767 T mod operation failed
772 P sim SIM powered down
""")

STATUS = {
    0x00: "received by the SME",
    0x01: "forwarded by the SC, delivery not confirmed",
    0x02: "replaced by the SC",
    0x20: "congestion",
    0x21: "SME busy",
    0x22: "no response from SME",
    0x23: "service rejected",
    0x24: "quality of service not available",
    0x25: "error in SME",
    0x40: "remote procedure error",
    0x41: "incompatible destination",
    0x42: "connection rejected by SME",
    0x43: "not obtainable",
    0x44: "quality of service not available",
    0x45: "no interworking available",
    EXPIRED: "validity period expired",
    0x47: "deleted by originating SME",
    0x48: "deleted by SC administration",
    0x49: "SM does not exist",
    0x60: "congestion",
    0x61: "SME busy",
    0x62: "no response from SME",
    0x63: "service rejected",
    0x64: "quality of service not available",
    0x65: "error in SME",
}

_STATUS_CLASSES = {
    StatusClass.DELIVERED: OutcomeClass.OK,
    StatusClass.TRYING: OutcomeClass.TRANSIENT,
    StatusClass.PERMANENT: OutcomeClass.PERMANENT,
    # The SC has stopped trying: for this attempt it is as final as a permanent error.
    StatusClass.TEMPORARY: OutcomeClass.PERMANENT,
    StatusClass.RESERVED: OutcomeClass.PERMANENT,  # 9.2.3.15: read as service rejected
}


def status_outcome(status: int) -> Outcome:
    """The outcome a TP-ST octet stands for; its scope is the destination."""
    cls = status_class(status)
    words = (
        STATUS.get(status)
        or {
            StatusClass.RESERVED: "reserved status, read as service rejected",
            StatusClass.DELIVERED: "delivered",
            StatusClass.TRYING: "the SC still tries",
            StatusClass.PERMANENT: "permanent error",
            StatusClass.TEMPORARY: "temporary error, the SC has stopped trying",
        }[cls]
    )
    scope = Scope.MESSAGE if cls is StatusClass.DELIVERED else Scope.DESTINATION
    return Outcome(cls=_STATUS_CLASSES[cls], scope=scope, code=f"TP-ST {status}", text=words)


def cause_of(kind: str, code: int | None) -> Cause | None:
    """The table row of a final error; None for plain ERROR and for codes no table knows."""
    if code is None:
        return None
    return (CME if kind == "CME" else CMS).get(code)


def words_of(label: str) -> str | None:
    """What the code of an outcome stands for: "CMS 38", "CME 30", "TP-ST 65"; None for others."""
    kind, _, code = label.partition(" ")
    if not code.isdecimal():
        return None
    if kind == "TP-ST":
        return status_outcome(int(code)).text if int(code) in range(256) else None
    cause = cause_of(kind, int(code)) if kind in ("CMS", "CME") else None
    return None if cause is None else cause.text


def sim_in_doubt(outcome: Outcome) -> bool:
    """True for what names the message as its reason and is often that of the SIM."""
    kind, _, code = outcome.code.partition(" ")
    cause = cause_of(kind, int(code)) if code.isdecimal() else None
    return cause is not None and cause.sim_doubt


def classify(kind: str, code: int | None, text: str, phase: Phase) -> Outcome:
    """The outcome of a final error `kind` ("CMS", "CME", "ERROR") that came in `phase`.

    A code of class unknown, one that no table knows, and a plain ERROR leave the fate open only
    once the PDU was handed over; before that they are transient, because nothing can have gone out.
    """
    cause = cause_of(kind, code)
    label = kind if code is None else f"{kind} {code}"
    if cause is None:
        cause = Cause(cls=OutcomeClass.UNKNOWN, scope=Scope.MODEM, text=text or "no reason given")
    cls = cause.cls
    if phase is Phase.BEFORE_PDU and cls is OutcomeClass.UNKNOWN:
        cls = OutcomeClass.TRANSIENT
    return Outcome(cls=cls, scope=cause.scope, code=label, text=cause.text)


def _key(words: str) -> str:
    return re.sub(r"[^a-z0-9]", "", words.lower())


# Spellings met in the field besides the names above.
_MORE_WORDS = {
    "CME": {"unknownerror": 100, "unknown": 100, "busy": 14, "simnotready": 14, "simblocked": 262,
            "phonefailure": 0, "mefailure": 0, "incorrectsimpin": 16, "devicebusy": 515,
            "networktimeout": 31, "nonetwork": 30},
    "CMS": {"unknownerror": 500, "unknown": 500, "unknownsubscriber": 30, "phonefailure": 300,
            "simblocked": 262, "networktimeout": 332, "nonetworkservice": 331,
            "smscaddressunknown": 330, "invalidpdumodeparameter": 304},
}  # fmt: skip
_WORDS = {
    "CME": {_key(cause.text): code for code, cause in reversed(CME.items())} | _MORE_WORDS["CME"],
    "CMS": {_key(cause.text): code for code, cause in reversed(CMS.items())} | _MORE_WORDS["CMS"],
}


def code_of_words(kind: str, words: str) -> int | None:
    """The number of a verbose error (AT+CMEE=2), case, spaces and punctuation ignored."""
    return _WORDS[kind].get(_key(words)) if kind in _WORDS else None
