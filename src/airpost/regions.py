"""Where numbers may be: regions, the alpha-2 codes of ISO 3166-1 that are assigned, and prefixes.

Stdlib only. Kept here because the list changes once in years and a package for it is larger than
airpost.
"""

from __future__ import annotations

import re

_CODES = """
    AD AE AF AG AI AL AM AO AQ AR AS AT AU AW AX AZ BA BB BD BE BF BG BH BI BJ BL BM BN BO BQ BR
    BS BT BV BW BY BZ CA CC CD CF CG CH CI CK CL CM CN CO CR CU CV CW CX CY CZ DE DJ DK DM DO DZ
    EC EE EG EH ER ES ET FI FJ FK FM FO FR GA GB GD GE GF GG GH GI GL GM GN GP GQ GR GS GT GU GW
    GY HK HM HN HR HT HU ID IE IL IM IN IO IQ IR IS IT JE JM JO JP KE KG KH KI KM KN KP KR KW KY
    KZ LA LB LC LI LK LR LS LT LU LV LY MA MC MD ME MF MG MH MK ML MM MN MO MP MQ MR MS MT MU MV
    MW MX MY MZ NA NC NE NF NG NI NL NO NP NR NU NZ OM PA PE PF PG PH PK PL PM PN PR PS PT PW PY
    QA RE RO RS RU RW SA SB SC SD SE SG SH SI SJ SK SL SM SN SO SR SS ST SV SX SY SZ TC TD TF TG
    TH TJ TK TL TM TN TO TR TT TV TW TZ UA UG UM US UY UZ VA VC VE VG VI VN VU WF WS YE YT ZA ZM
    ZW
"""
REGIONS = frozenset(_CODES.split())
ANYWHERE = "*"
_PREFIX = re.compile(r"\+[0-9]{1,15}")
# What people write instead.
_MEANT = {"UK": "GB", "EL": "GR"}


def region_fault(code: str) -> str | None:
    """Why `code` is no region, in words that follow the name of a key; None when it is one."""
    if code in REGIONS:
        return None
    meant = _MEANT.get(code.upper(), code.upper())
    if meant in REGIONS:
        return f"must be a code of ISO 3166; did you mean {meant!r}?"
    return "must be a code of ISO 3166, such as 'CN' or 'DE'"


def place_fault(place: str) -> str | None:
    """Why `place` does not say where numbers are: a region, a prefix such as "+49", or ANYWHERE."""
    if place == ANYWHERE or place in REGIONS or _PREFIX.fullmatch(place):
        return None
    return 'is a country such as "DE", a prefix such as "+49", or "*" for all'
