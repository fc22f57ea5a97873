"""Pickles, shown without loading them."""

from __future__ import annotations

import io
import pickletools
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

_LONGEST = 1 << 20
"""Bytes of a pickle that are disassembled. Arbitrary: more than anybody reads."""
_STRINGS = ("SHORT_BINUNICODE", "BINUNICODE", "BINUNICODE8", "UNICODE", "STRING", "BINSTRING", "SHORT_BINSTRING")


class Pickled(NamedTuple):
    """A pickle, not loaded: that would run the code that it names."""

    head: bytes
    buffers: tuple[bytes, ...]
    """What it leaves out: large buffers."""

    @property
    def needs(self) -> tuple[str, ...]:
        """The classes and functions that loading it would import and call."""
        return tuple(dict.fromkeys(_globals(self.head)))

    def disassemble(self) -> str:
        """Return its operations, a line for each; damage is told where it is."""
        text = io.StringIO()
        try:
            pickletools.dis(self.head[:_LONGEST], out=text)
        except Exception as error:  # noqa: BLE001  (pickletools raises whatever the bytes make it)
            text.write(f"... and here it ends: {error}\n")
        return text.getvalue()


def _globals(head: bytes) -> Iterator[str]:
    """Find what is imported. STACK_GLOBAL takes the last two texts, which may have been remembered before."""
    texts: list[str] = []
    try:
        for operation, argument, _ in pickletools.genops(head[:_LONGEST]):
            if operation.name in _STRINGS:
                texts.append(str(argument))
            elif operation.name == "GLOBAL":
                yield str(argument).replace(" ", ".")
            elif operation.name == "STACK_GLOBAL":
                yield ".".join(texts[-2:])
    except Exception:  # noqa: BLE001  (as above: what was found until there is all that can be told)
        return
