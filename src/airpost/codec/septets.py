"""Packing of septets into octets, TS 23.038 6.1.2.1.1 (SMS) and 6.1.2.3 (USSD).

Pure. A run of septets is moved as one big integer: every 7-bit group is spread to 8 bits in eight
steps, each of which opens the gaps of one power of two.
"""

from __future__ import annotations

from airpost.errors import CodecError

_BLOCK = 256  # septets spread at once; 256 septets are 224 octets exactly
CR = 0x0D
ESC = 0x1B


def _masks() -> list[tuple[int, int, int]]:
    """For each step: how many septets move together, the mask of the low and of the high halves."""
    steps = []
    half = _BLOCK // 2
    while half:
        low = high = 0
        for block in range(_BLOCK // (2 * half)):
            low |= ((1 << 7 * half) - 1) << (16 * half * block)
            high |= ((1 << 7 * half) - 1) << (16 * half * block + 7 * half)
        steps.append((half, low, high))
        half //= 2
    return steps


_STEPS = _masks()


def _spread(packed: int) -> int:
    for half, low, high in _STEPS:
        packed = packed & low | (packed & high) << half
    return packed


def _squeeze(spread: int) -> int:
    for half, low, high in reversed(_STEPS):
        spread = spread & low | spread >> half & high
    return spread


def unpack(octets: bytes, count: int, fill_bits: int = 0) -> bytes:
    """`count` septets, one an octet, after `fill_bits` skipped bits; what follows is ignored.

    CodecError when the octets hold fewer.
    """
    need = (fill_bits + 7 * count + 7) // 8
    if need > len(octets):
        raise CodecError("septets", len(octets), f"{need} octets needed, {len(octets)} present")
    value = int.from_bytes(octets[:need], "little") >> fill_bits
    if count <= _BLOCK:
        return (_spread(value & (1 << 7 * count) - 1)).to_bytes(_BLOCK, "little")[:count]
    out = bytearray()
    mask = (1 << 7 * _BLOCK) - 1
    while len(out) < count:
        out += _spread(value & mask).to_bytes(_BLOCK, "little")
        value >>= 7 * _BLOCK
    return bytes(out[:count])


def pack(septets: bytes, fill_bits: int = 0) -> bytes:
    """The octets of a run of septets behind `fill_bits` zero bits; spare bits are zero."""
    value = 0
    for at in range(0, len(septets), _BLOCK):
        block = int.from_bytes(septets[at : at + _BLOCK], "little")
        value |= _squeeze(block) << 7 * at
    return (value << fill_bits).to_bytes((fill_bits + 7 * len(septets) + 7) // 8, "little")


def pack_ussd(septets: bytes, fill_bits: int = 0) -> bytes:
    """As `pack`, by the USSD rule: seven spare bits hold CR; a CR that ends an octet is doubled.

    TS 23.038 6.1.2.3.1.
    """
    spare = -(fill_bits + 7 * len(septets)) % 8
    if spare == 7 or (spare == 0 and septets.endswith(b"\r")):
        septets += b"\r"
    return pack(septets, fill_bits)


def unpack_ussd(octets: bytes, fill_bits: int = 0) -> bytes:
    """The septets of a USSD string of whole octets, its CR padding taken off."""
    count = (8 * len(octets) - fill_bits) // 7
    septets = unpack(octets, max(count, 0), fill_bits)
    spare = (8 * len(octets) - fill_bits) % 7
    return septets[:-1] if spare == 0 and septets.endswith(b"\r") else septets
