"""What one modem has done since the start of the service, counted for whoever watches it.

May import modem.api, L0. Counting is on the way of every segment: a few additions, nothing else.
"""

from __future__ import annotations

from collections import Counter

from airpost.clock import SECOND_US, Instant
from airpost.histogram import Histogram
from airpost.model import Claimed, MessageClass
from airpost.modem.api import SendResult
from airpost.outcome import OutcomeClass
from airpost.states import SegmentEvent

WAIT_S = (0.05, 0.25, 1.0, 2.0, 5.0, 15.0, 60.0, 300.0, 1800.0, 7200.0, 21600.0)
PROMPT_S = (0.005, 0.02, 0.05, 0.1, 0.25, 0.5, 1.0, 2.0, 5.0, 10.0)
ANSWER_S = (0.2, 0.5, 1.0, 2.0, 3.0, 4.0, 6.0, 10.0, 20.0, 60.0, 120.0, 250.0)
NOT_BEGUN = "not_begun"  # beside the events of a segment: no attempt was made


class Tally:
    """Of one lane, in seconds.

    `waits` by class: from when a message may go to the Ctrl-Z of its first part, or to the refusal
    in place of a prompt. `prompt`: from `AT+CMGS` to the prompt. `answer`: from Ctrl-Z to `+CMGS`
    or an error, where one came. `results`: attempts by class and by what became of them.
    """

    def __init__(self) -> None:
        self.waits = {each: Histogram(WAIT_S) for each in MessageClass}
        self.prompt = Histogram(PROMPT_S)
        self.answer = Histogram(ANSWER_S)
        self.results: Counter[tuple[MessageClass, str]] = Counter()

    def ended(
        self, segment: Claimed, event: SegmentEvent, result: SendResult, now: Instant
    ) -> None:
        """An attempt is over, just now."""
        self.results[segment.class_, event.value] += 1
        if segment.seq == 1 and segment.attempts == 0 and segment.resends == 0:
            waited_s = (now - segment.waiting_since) / SECOND_US - result.air_s
            self.waits[segment.class_].observe(waited_s)
        if result.prompt_s is not None:
            self.prompt.observe(result.prompt_s)
        if result.begun and result.outcome.cls is not OutcomeClass.UNKNOWN:
            self.answer.observe(result.air_s)

    def not_begun(self, segment: Claimed) -> None:
        """The modem was offered a segment, and no attempt was made."""
        self.results[segment.class_, NOT_BEGUN] += 1
