"""Exceptions on their way to the caller: which arrive with their own type, and how.

Only types of a fixed table are made anew at the caller, from plain arguments, so that a response never runs code. All
others arrive as `RemoteError`, with the name of the type, its text and the traceback.
"""

from __future__ import annotations

import builtins

from memlane import errors
from memlane._native import exception

TYPE_CHECKING = False  # importing `typing` takes as long as the rest of memlane
if TYPE_CHECKING:
    from typing import Any

# The rest of the room is the codec's and the text's: an error has at least 4,096 bytes.
_TEXT_LIMIT = 1000
_DESCRIPTION_LIMIT = 3000
_TRACEBACK_LIMIT = 1800

_BUILTIN = (  # noqa: SIM905  (sixty quotes say nothing)
    "ArithmeticError AssertionError AttributeError BlockingIOError BrokenPipeError BufferError BytesWarning"
    " ChildProcessError ConnectionAbortedError ConnectionError ConnectionRefusedError ConnectionResetError"
    " DeprecationWarning EOFError Exception FileExistsError FileNotFoundError FloatingPointError FutureWarning"
    " ImportError ImportWarning IndentationError IndexError InterruptedError IsADirectoryError KeyError LookupError"
    " MemoryError ModuleNotFoundError NameError NotADirectoryError NotImplementedError OSError OverflowError"
    " PendingDeprecationWarning PermissionError ProcessLookupError RecursionError ReferenceError ResourceWarning"
    " RuntimeError RuntimeWarning StopAsyncIteration StopIteration SyntaxError SyntaxWarning SystemError TabError"
    " TimeoutError TypeError UnboundLocalError UnicodeDecodeError UnicodeEncodeError UnicodeError"
    " UnicodeTranslateError UnicodeWarning UserWarning ValueError Warning ZeroDivisionError"
).split()

TYPES: dict[str, type[Exception]] = {f"builtins.{name}": getattr(builtins, name) for name in _BUILTIN} | {
    f"memlane.{kind.__name__}": kind
    for kind in vars(errors).values()
    if isinstance(kind, type) and issubclass(kind, errors.Error) and kind is not errors.RemoteError
}


class RemoteTraceback(Exception):
    """The cause of an exception that was raised in another process: the traceback as it was there."""

    def __str__(self) -> str:
        return f'\n"""\n{self.args[0]}"""'


def type_name(kind: type[BaseException]) -> str:
    """Return how a type is called in the table and in texts."""
    module = "memlane" if kind.__module__ == errors.__name__ else kind.__module__
    return f"{module}.{kind.__qualname__}"


def cut(text: str, limit: int) -> str:
    """Return the text, or its last characters that fit: those of a traceback matter most."""
    encoded = text.encode("utf-8", "backslashreplace")
    return text if len(encoded) <= limit else "..." + encoded[-limit:].decode("utf-8", "ignore")


def arguments_of(error: BaseException) -> tuple[Any, ...]:
    """Return what the exception's class makes it of again."""
    if isinstance(error, OSError) and error.filename is not None:
        return (error.errno, error.strerror, error.filename, None, error.filename2)
    return error.args


def describe(error: BaseException) -> tuple[bytes, bytes]:
    """Return the text of an exception, for readers of any language, and what `rebuild` makes of it."""
    import traceback  # noqa: PLC0415  (8 ms, which only who raises pays)

    name = type_name(type(error))
    try:
        message = str(error)
    except Exception as failure:  # noqa: BLE001  (anything may be raised there, and nothing must be lost)
        message = f"<its __str__ raised {type(failure).__name__}>"
    text = f"{name.rpartition('.')[2]}: {message}" if message else name.rpartition(".")[2]
    try:
        trace = cut("".join(traceback.format_exception(type(error), error, error.__traceback__)), _TRACEBACK_LIMIT)
    except Exception as failure:  # noqa: BLE001  (such as a cause whose attributes raise)
        trace = f"<its traceback cannot be shown: {type(failure).__name__}>"
    shown = text.encode("utf-8", "backslashreplace").replace(b"\0", b"?")[:_TEXT_LIMIT]
    known = arguments_of(error) if TYPES.get(name) is type(error) else None
    for arguments in (known, None):
        description = exception.pack((name, arguments, trace))
        if description is not None and len(description) <= _DESCRIPTION_LIMIT:
            return shown, description
    return shown, b""


def rebuild(text: bytes, description: bytes) -> BaseException:
    """Return the exception to raise at the caller. What a server that is no Python program sends is a text alone."""
    message = text.decode("utf-8", "replace")
    try:
        name, arguments, trace = exception.unpack(description) if description else ("", None, "")
        kind = TYPES.get(name)
        error: BaseException = (
            errors.RemoteError(message, type_name=name, remote_traceback=trace)
            if kind is None or arguments is None
            else kind(*arguments)
        )
    except Exception:  # noqa: BLE001  (a description that nothing can be made of: its text is still there)
        return errors.RemoteError(message)
    if trace:
        error.__cause__ = RemoteTraceback(trace)
    return error
