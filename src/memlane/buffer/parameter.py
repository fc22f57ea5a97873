"""Parameters: what a device can be asked and told, by name and type."""

from __future__ import annotations

import ctypes
import math
import re
import warnings
from typing import Any, NamedTuple

from memlane.errors import DeviceBufferError

_SPECIFIER = re.compile(r"(?P<name>[a-z_0-9]+)(?P<lengths>(?:\[[1-9]\d*\])*)", re.ASCII)
_POINTER_CODES = "PzZO"
_LARGEST_BYTES = 1 << 16


def _simple_types() -> dict[str, type]:
    """Return ctypes' simple types that are no pointers, by their names without ``c_``."""
    found = {name[2:]: kind for name, kind in vars(ctypes).items() if name.startswith("c_") and isinstance(kind, type)}
    return {name: kind for name, kind in found.items() if getattr(kind, "_type_", "P") not in _POINTER_CODES}


SIMPLE_TYPES = _simple_types()


class Parameter(NamedTuple):
    """A parameter of a buffer.

    Args:
        name: Under which `Buffer.get` and its fellows know it.
        ctype: A simple `ctypes` type that is no pointer, or an array of such.
        id: Its number. On a Smart Device it is the parameter's bit, 0 to 15.
        lower: The least value that is written. Of floating-point numbers only.
        upper: The greatest value that is written.
        readable: Whether `Buffer.get` can read it.
        writeable: Whether `Buffer.write` can request it.
        subscribed: Whether a Smart Device is asked by default to report it.
    """

    name: str
    ctype: Any
    id: int
    lower: float = -math.inf
    upper: float = math.inf
    readable: bool = True
    writeable: bool = False
    subscribed: bool = True

    @staticmethod
    def parse_ctype(type_specifier: str) -> Any:
        """Return the C type that a specifier names.

        Args:
            type_specifier: The name of a simple `ctypes` type without ``c_``, and any number of ``[n]`` behind it, each
                an array of what stands before.

        Raises:
            ValueError: There is no such type, or it is a pointer.

        Example:
            >>> assert Parameter.parse_ctype('bool') is ctypes.c_bool
            >>> assert Parameter.parse_ctype('int32[64]') is ctypes.c_int32 * 64
            >>> assert Parameter.parse_ctype('uint64[8][8]') is ctypes.c_uint64 * 8 * 8
        """
        found = _SPECIFIER.fullmatch(type_specifier)
        if found is None or found["name"] not in SIMPLE_TYPES:
            raise ValueError(
                f"{type_specifier!r} names no type: give a simple ctypes type without c_, such as 'int32', 'float' or"
                " 'bool[8]'; pointers are not supported"
            )
        ctype: Any = SIMPLE_TYPES[found["name"]]
        size = ctypes.sizeof(ctype)
        for length in map(int, re.findall(r"\d+", found["lengths"])):
            size *= length
            if size > _LARGEST_BYTES:
                raise ValueError(f"{type_specifier!r} takes more than {_LARGEST_BYTES} bytes: give shorter lengths")
            ctype = ctype * length
        return ctype

    @property
    def platform_type(self) -> Any:
        """A C type as wide as the values that a peripheral sends: its ``double`` has four bytes, as ``float`` has."""
        return _platform_type(self.ctype)

    @property
    def default(self) -> Any:
        """The value of a parameter that was never set.

        Raises:
            DeviceBufferError: The parameter is a vector.

        Example:
            >>> Parameter('param', ctypes.c_double, 0).default
            0.0
            >>> Parameter('param', ctypes.c_int8, 0).default
            0
            >>> Parameter('param', ctypes.c_bool, 0).default
            False
            >>> Parameter('param', ctypes.c_bool * 3, 0).default
            Traceback (most recent call last):
              ...
            memlane.errors.DeviceBufferError: vector parameters have no default
        """
        if is_vector(self.ctype):
            raise DeviceBufferError("vector parameters have no default", param=self.name)
        return self.platform_type().value

    def clamp(self, value: float, /) -> float:
        """Return the value, or the limit that it exceeds; then with a warning.

        Raises:
            ValueError: The value is NaN, which is on neither side of a limit.

        Example:
            >>> param = Parameter('param', ctypes.c_double, 0, lower=-1, upper=1)
            >>> param.clamp(-1.1)
            -1
            >>> param.clamp(1.1)
            1
            >>> param.clamp(0)
            0
        """
        if math.isnan(value):
            raise ValueError(f"parameter {self.name!r}: NaN is between no limits; write a number")
        if value < self.lower:
            warnings.warn(f"parameter {self.name!r}: {value!r} is below {self.lower!r}, which is used", stacklevel=2)
            return self.lower
        if value > self.upper:
            warnings.warn(f"parameter {self.name!r}: {value!r} is above {self.upper!r}, which is used", stacklevel=2)
            return self.upper
        return value


def is_simple(ctype: Any) -> bool:
    """Say whether a C type is one of those that `Parameter.parse_ctype` knows, or an array of such."""
    while isinstance(ctype, type) and is_vector(ctype):
        ctype = ctype._type_  # type: ignore[attr-defined]  # of ctypes arrays
    return ctype in SIMPLE_TYPES.values()


def is_vector(ctype: Any) -> bool:
    """Say whether a C type is an array."""
    return issubclass(ctype, ctypes.Array)


def _platform_type(ctype: Any) -> Any:
    if is_vector(ctype):
        return _platform_type(ctype._type_) * ctype._length_
    return ctypes.c_float if ctype is ctypes.c_double else ctype


def describe_ctype(ctype: Any) -> str:
    """Return the specifier of a C type, such as ``int32[64]``: its width, not the name that C has for it.

    Example:
        >>> describe_ctype(ctypes.c_int32 * 64)
        'int32[64]'
    """
    lengths = ""
    while is_vector(ctype):
        lengths = f"[{ctype._length_}]{lengths}"
        ctype = ctype._type_
    code, bits = ctype._type_, 8 * ctypes.sizeof(ctype)
    names = {"?": "bool", "c": "char", "u": "wchar", "f": "float", "d": "double", "g": "longdouble"}
    name = names.get(code) or f"{'int' if code in 'bhilq' else 'uint'}{bits}"
    return name + lengths
