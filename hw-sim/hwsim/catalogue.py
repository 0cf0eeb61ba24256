"""What can go wrong with a modem, by name: the numbered catalogue, and the faults it is made of.

Stdlib only; data. `faults` sets and counts them, the modules named by what they do let them strike,
`world` does what is no matter of bytes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum

Value = str | int | float | bool | None


class How(Enum):
    """How a fault is applied."""

    WIRE = "wire"  # strikes in what the modem says, hears and stores
    STATE = "state"  # holds from set to clear: card, network, cable, bus
    EVENT = "event"  # happens once, when it is set


HEALERS = ("escape", "reopen", "other_port", "reset", "usb", "power")
"""What may end a fault, the gentlest first; each of them ends what a gentler one ends too."""

COMMON = ("count", "chance", "verb", "for_s", "healed_by")


@dataclass(frozen=True, slots=True, kw_only=True)
class FaultKind:
    """What a name stands for.

    `params` with their defaults, and the words some must be of. `number` in the catalogue, None for
    what is only a building block. A case `of` another name has that one's effect with a `preset` of
    the parameters that every fault takes.
    """

    text: str
    number: int | None = None
    how: How = How.WIRE
    params: Mapping[str, Value] = field(default_factory=dict)
    choices: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    of: str = ""
    preset: Mapping[str, Value] = field(default_factory=dict)


def _kind(
    text: str, number: int | None = None, how: How = How.WIRE, /, **params: Value | tuple[str, ...]
) -> FaultKind:
    """A tuple is a choice of words; its first is the default."""
    choices = {name: value for name, value in params.items() if isinstance(value, tuple)}
    defaults = {n: value[0] if isinstance(value, tuple) else value for n, value in params.items()}
    return FaultKind(text=text, number=number, how=how, params=defaults, choices=choices)


def _case(of: str, text: str, number: int | None = None, **values: Value) -> FaultKind:
    """A case of another fault; `values` are parameters of it and of every fault."""
    base = _BASIC[of]
    common = {name: value for name, value in values.items() if name in COMMON}
    own = {name: value for name, value in values.items() if name not in COMMON}
    assert set(own) <= set(base.params), of
    return FaultKind(
        text=text, number=number, how=base.how, params={**base.params, **own},
        choices=base.choices, of=of, preset=common,
    )  # fmt: skip


_BASIC: Mapping[str, FaultKind] = {
    # Output
    "bytewise": _kind("output comes one byte at a time", gap_s=0.0),
    "slow_output": _kind("output comes in small pieces", octets=4, gap_s=0.02),
    "garbage": _kind("non-ASCII bytes before an answer", octets=8),
    "silence": _kind("nothing is heard and nothing said on the AT port, or on all",
                     ports=("at", "all")),
    "flood": _kind("a line again and again; a command with `until` in it ends that", 31,
                   line="^BOOT:35323129,0,0,0,26", every_s=2.0, until=""),
    "line_ends": _kind("lines end as they should not, or bytes stand before them", 30,
                       form=("mixed", "cr_cr_lf", "lf", "nul", "ff")),
    "foreign_program": _kind("another program talks too: its answers come, some of ours do not", 56,
                             line='+CPMS: "SM",3,30,"SM",3,30,"SM",3,30', every_s=10.0, share=0.2),
    "second_reader": _kind("another program reads too: that share of the bytes is gone", 57,
                           share=0.5),
    # Input
    "lost_input": _kind("that share of the bytes is not heard, nor echoed", 70, share=0.05),
    "autobaud": _kind("the first lines after power-up are not heard, until AT+IPR is set", 69,
                      lines=3),
    "idle_sleep": _kind("after so long without a command the next one is lost", 71, after_s=30.0),
    "wrong_port": _kind("the port is not the AT port but says OK to all, positions, noise, nothing",
                        55, form=("parrot", "nmea", "diag", "silent")),
    # Answers
    "late_final": _kind("the final result is late; `answers`: others are answered meanwhile",
                        delay_s=60.0, answers=False),
    "no_final": _kind("no final result; `whole`: no answer lines either; `lost`: not carried; "
                      "`blocks`: nothing is answered any more",
                      whole=None, lost=False, blocks=False),
    "urc_inside": _kind("a line of its own between answer and final", line='+ZPASR: "UMTS"'),
    "urc_before_echo": _kind("a line of its own before the echo", 1,
                             line='+ZDONR: "O2",262,7'),
    "urc_before_prompt": _kind("a line of its own before the prompt", 2, line='+ZPASR: "UMTS"'),
    "urc_before_mr": _kind("a line of its own between the PDU and +CMGS", 3,
                           line='+ZPASR: "HSDPA"'),
    "split_echo": _kind("a line of its own inside the echo", 4, line="*EMRDY: 1"),
    "glued": _kind("a line in the same write as the final result", 5, line="^RSSI:18"),
    "doubled": _kind("echo and answer lines come twice", 29),
    "echo_on": _kind("echo stays on whatever ATE0 says"),
    "echo_flips": _kind("there is an echo or none, drawn line by line, whatever ATE says", 28),
    "cme_error": _kind("a command fails with +CME ERROR", code=14),
    "command_error": _kind("a command fails with this error", error="ERROR"),
    "error_at_start": _kind("commands fail so long after power-up, PIN, AT+CFUN=1 or the setting",
                            error="CMS 500", window_s=20.0),
    "verbose_errors": _kind("errors are words, as after AT+CMEE=2", 27),
    # Sending
    "no_prompt": _kind("AT+CMGS= is not answered at all", 10),
    "slow_prompt": _kind("the prompt is late", 9, delay_s=8.0),
    "bare_prompt": _kind("the prompt is CR LF > CR LF", 8),
    "stuck_prompt": _kind("Ctrl-Z does not end the input, only ESC does", 12),
    "prompt_lost": _kind("the prompt has gone again: what is typed is taken for commands", 11,
                         answer=("ERROR", "+CMS ERROR: 304"), times=1),
    "cms_error": _kind("sending fails; `carried`: the message goes out all the same; `codes`: one "
                       "of these in place of `code`",
                       code=38, codes="", after_s=0.0, carried=False),
    "ok_without_mr": _kind("OK without +CMGS", 15),
    "mr_repeats": _kind("every message gets the same reference", 46, mr=7),
    "hangup_mid_pdu": _kind("unplugged after so many octets typed, or `at` ctrl_z", 52,
                            octets=20, at=("pdu", "ctrl_z"), back_s=None),
    # Reports and messages
    "report_early": _kind("the delivery report comes before +CMGS, or before its OK",
                          place=("before", "inside")),
    "report_elsewhere": _kind("+CDSI names another memory than the one the report is in", 45,
                              announced="SM"),
    "split_urc": _kind("header and PDU of +CMT/+CDS come in two writes", 6, gap_s=0.2),
    "blank_line": _kind("an empty line between header and PDU of +CMT/+CDS", 7),
    "store_full": _kind("no store takes another message; `real`: its slots are filled with read "
                        "messages, once", 33, real=False),
    "announced_elsewhere": _kind("a message is in another memory than +CMTI says", 34),
    "cmti_nowhere": _kind("+CMTI names no place; not `stored`: the message is lost", 35,
                          stored=True),
    "counter_lag": _kind("AT+CPMS? counts a new message only after so long", 36, lag_s=2.0),
    "message_twice": _kind("a message comes twice, octet for octet", 43),
    "parts_shuffled": _kind("parts of a message come in another order, twice, or not all", 42,
                            form=("reordered", "missing", "duplicate")),
    "ack_lost": _kind("AT+CNMA says OK and acknowledges nothing", 47),
    "empty_read": _kind("AT+CMGR says OK and shows nothing"),
    "corrupt_read": _kind("AT+CMGR shows a damaged PDU", 39),
    "length_mismatch": _kind("AT+CMGR states a wrong length", 40, by=3),
    "empty_fields": _kind("AT+CMGR leaves fields out", 41,
                          form=("no_state", "no_name", "length_only")),
    "text_answers": _kind("AT+CMGR answers as in text mode until AT+CMGF is set; `whole`: the mode "
                          "itself has changed", 32, whole=False),
    "delete_ignored": _kind("AT+CMGD says OK and deletes nothing", 37),
    "smsc_lost": _kind("the SMSC address is gone; AT+CSCA sets it again", 23),
    "smsc_hex": _kind("AT+CSCA? answers in hexadecimal UCS-2", 24),
    "cnmi_reset": _kind("AT+CNMI is 0,0,0,0,0 all at once", 75, How.EVENT),
    # Network
    "not_registered": _kind("no network; `stat` as in +CREG", 63, How.STATE, stat=2),
    "no_signal": _kind("AT+CSQ says this", 64, value=99),
    "broken_creg": _kind("AT+CREG? has lost a quote", 65),
    "clock_nonsense": _kind("AT+CCLK? knows no time", 74, time="80/01/06,00:10:02+00"),
    "ussd_noise": _kind("a USSD answer of several lines, with another in front of the OK", 66,
                        line='+CUSD: 2,"Initiating Release"'),
    "low_credit": _kind("the balance is this", says="Credit: 0.12 EUR"),
    "incoming_call": _kind("a call rings, every 3 s, until AT+CHUP or ATH; `when` now or ctrl_z",
                           67, caller="+4917099", rings=5, when=("now", "ctrl_z")),
    # Card
    "sim_removed": _kind("the SIM is not there", 60, How.STATE),
    "wrong_pin": _kind("the card wants this PIN, with so many tries left", 61, How.STATE,
                       pin="8642", tries=3),
    "puk": _kind("the card wants its PUK", 62, How.STATE, tries=10),
    # Power and cable
    "spontaneous_restart": _kind("restarts by itself, `when` now or ctrl_z", 48,
                                 when=("now", "ctrl_z")),
    "under_voltage": _kind("says so, is dark, restarts: at Ctrl-Z, now, or again and again", 49,
                           when=("ctrl_z", "now", "loop"), line="UNDER-VOLTAGE WARNNING",
                           dark_s=5.0, every_s=20.0),
    "slow_boot": _kind("restarts, and from now on each start takes so long: impatience keeps it "
                       "down", 72, How.STATE, boot_s=90.0),
    "unplug": _kind("pulled out, and put back after so long; `renumber`: as another ttyUSB", None,
                    How.EVENT, back_s=None, renumber=False),
    "dead_descriptor": _kind("the port is a new one: what is open is dead for ever", 53, How.EVENT,
                             back_s=0.0, renumber=True),
    "reset_leaves_bus": _kind("a reset leaves the bus; back after so long, drawn from 9 to 25", 50,
                              How.STATE, back_s=None),
    "returns_as_cdrom": _kind("comes back as a CD-ROM without ports; for so long, or for ever", 51,
                              How.STATE, switch_s=10.0),
    "no_enumeration": _kind("after its hub port was without power it does not come back", 73,
                            How.STATE),
    "tty_swap": _kind("changes ports with another modem", 54, How.EVENT, other="", back_s=1.0),
    "brltty_steals": _kind("the port goes so soon after it came", 58, How.STATE, after_s=0.5),
    "no_permission": _kind("the port may not be opened (root may)", 59, How.STATE),
    "port_held": _kind("another program holds the port", None, How.STATE,
                       by=("flock", "exclusive", "both")),
}  # fmt: skip

_CASES: Mapping[str, FaultKind] = {
    "late_mr": _case("late_final", "+CMGS comes after a minute or more", 13,
                     verb="+CMGS", delay_s=90.0, answers=True),
    "no_mr": _case("no_final", "no result after Ctrl-Z", 14, verb="+CMGS"),
    "sms_dead": _case("no_final", "AT is answered, sending never, and nothing is sent", 76,
                      verb="+CMGS", lost=True),
    "cpin_without_ok": _case("no_final", "no OK after AT+CPIN", 25, verb="+CPIN"),
    "cmgl_hangs": _case("no_final", "AT+CMGL is never answered", 38, verb="+CMGL", whole=True),
    "slow_scan": _case("late_final", "AT+COPS takes 100 s and holds up all else", 68,
                       verb="+COPS", delay_s=100.0),
    "error_but_sent": _case("cms_error", "an error, and yet it was sent", 16,
                            code=500, carried=True),
    "collision": _case("cms_error", "512 where a message comes in meanwhile, once", 20,
                       code=512, count=1),
    "congestion": _case("cms_error", "38, 41 or 42 for five minutes", 21,
                        codes="38,41,42", for_s=300.0),
    "no_credit": _case("cms_error", "each message is refused", 22, code=21),
    "settling_500": _case("error_at_start", "500 right after the PIN", 17,
                          verb="+CMMS,+CMGF", error="CMS 500"),
    "sim_busy": _case("error_at_start", "the card is busy ten times after power-up", 18,
                      verb="+CPIN,+CIMI,+CNUM,+CPMS,+CSCA", error="CME 14", count=10),
    "settling_515": _case("error_at_start", "515 twice after AT+CFUN=1", 19,
                          error="CME 515", count=2),
    "not_supported": _case("command_error", "commands it does not know, told in words", 26,
                           verb="+CCID,+CEREG,+CSMS", error="COMMAND NOT SUPPORT"),
    "report_before_ok": _case("report_early", "the report comes between +CMGS and OK", 44,
                              place="inside"),
    "denied": _case("not_registered", "the network does not want this card", stat=3),
}  # fmt: skip

KINDS: Mapping[str, FaultKind] = {**_BASIC, **_CASES}
"""All there is, by name."""

CATALOGUE: Mapping[int, str] = dict(
    sorted((kind.number, name) for name, kind in KINDS.items() if kind.number is not None)
)
"""The name of each numbered entry."""
