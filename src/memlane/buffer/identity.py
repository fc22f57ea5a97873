"""Who a Smart Device is."""

from __future__ import annotations

import operator
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from typing_extensions import Self

_DEVICE_ID_BITS, _YEAR_BITS, _RANDOM_BITS = 16, 8, 64
_UID_BITS = _DEVICE_ID_BITS + _YEAR_BITS + _RANDOM_BITS


class _Fields(NamedTuple):
    device_id: int
    year: int
    random: int


class DeviceUID(_Fields):
    """The identity of a Smart Device, unique among all. As an integer it has 88 bits, the device id highest.

    Args:
        device_id: The number of its type, 16 bits.
        year: When it was made: 0 is the spring of 2016, and each season counts one more; 8 bits.
        random: 64 bits that tell it from its siblings.

    Example:
        >>> uid = DeviceUID(0xffff, 0xee, 0xc0debeef_deadbeef)
        >>> assert int(uid) == 0xffff_ee_c0debeef_deadbeef
        >>> uid = DeviceUID.from_int(0xffff_ee_c0debeef_deadbeef)
        >>> hex(uid.device_id)
        '0xffff'
        >>> hex(uid.year)
        '0xee'
        >>> hex(uid.random)
        '0xc0debeefdeadbeef'
    """

    __slots__ = ()

    def __new__(cls, device_id: int = 0, year: int = 0, random: int = 0) -> Self:
        """Check that each part fits its bits."""
        limits = (
            ("device_id", device_id, _DEVICE_ID_BITS),
            ("year", year, _YEAR_BITS),
            ("random", random, _RANDOM_BITS),
        )
        for name, value, bits in limits:
            if not 0 <= operator.index(value) < 1 << bits:
                raise ValueError(f"{name}={value!r} of a DeviceUID does not fit {bits} bits")
        return super().__new__(cls, *map(operator.index, (device_id, year, random)))

    @classmethod
    def from_int(cls, uid: int, /) -> DeviceUID:
        """Return the identity of an integer."""
        uid = operator.index(uid)
        if not 0 <= uid < 1 << _UID_BITS:
            raise ValueError(f"the UID {uid!r} of a Smart Device does not fit {_UID_BITS} bits")
        year = uid >> _RANDOM_BITS & (1 << _YEAR_BITS) - 1
        return cls(uid >> (_YEAR_BITS + _RANDOM_BITS), year, uid & (1 << _RANDOM_BITS) - 1)

    def __int__(self) -> int:
        return self.device_id << (_YEAR_BITS + _RANDOM_BITS) | self.year << _RANDOM_BITS | self.random

    def __repr__(self) -> str:
        return f"DeviceUID(device_id={self.device_id:#06x}, year={self.year:#04x}, random={self.random:#018x})"
