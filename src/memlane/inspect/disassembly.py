"""Pickles, shown without loading them."""

from __future__ import annotations

import io
import pickletools
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

_LONGEST = 1 << 20
"""Bytes of a pickle that are disassembled. Arbitrary: more than anybody reads."""
_STRINGS = ("SHORT_BINUNICODE", "BINUNICODE", "BINUNICODE8", "UNICODE", "STRING", "BINSTRING", "SHORT_BINSTRING")
_PUTS = ("MEMOIZE", "BINPUT", "LONG_BINPUT", "PUT")
_GETS = ("BINGET", "LONG_BINGET", "GET")


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
    """Find what is imported. STACK_GLOBAL takes the last two texts, which may be remembered ones."""
    texts: list[str | None] = []
    memo: dict[int, str | None] = {}
    pushed: str | None = None
    try:
        for operation, argument, _ in pickletools.genops(head[:_LONGEST]):
            if operation.name == "GLOBAL":
                yield str(argument).replace(" ", ".")
            elif operation.name == "STACK_GLOBAL":
                yield ".".join(str(text) for text in texts[-2:])
            elif operation.name in _PUTS:
                memo[len(memo) if argument is None else int(argument)] = pushed
                continue
            pushed = _text(operation.name, argument, memo)
            if pushed is not None:
                texts.append(pushed)
    except Exception:  # noqa: BLE001  (as above: what was found until there is all that can be told)
        return


def _text(name: str, argument: Any, memo: dict[int, str | None]) -> str | None:
    """Return the text that an operation pushes, None where it pushes something else."""
    if name in _STRINGS:
        return str(argument)
    return memo.get(int(argument)) if name in _GETS else None
