"""Values on the command line: JSON, and all that is no JSON is text; times and counts of options."""

from __future__ import annotations

import argparse
import json
import math
from typing import Any

from memlane.errors import InvalidArgument

_SHOWN = 20


def parse(text: str, *, as_text: bool = False) -> Any:
    """Return the value that an argument means.

    Example:
        >>> parse('{"x": 1.5}'), parse("12"), parse("hello"), parse("12", as_text=True)
        ({'x': 1.5}, 12, 'hello', '12')

    Raises:
        InvalidArgument: Lists or dicts lie within each other more deeply than can be read.
    """
    if as_text:
        return text
    try:
        return json.loads(text)
    except ValueError:
        return text
    except RecursionError as error:
        raise InvalidArgument(
            f"a value that begins with {text[:_SHOWN]!r} is nested too deeply to be read as JSON: give it fewer levels;"
            " on the command line, --text takes it as text"
        ) from error


def seconds(text: str) -> float:
    """Parse a time that is not zero."""
    return _above_zero(text, "a number of seconds")


def factor(text: str) -> float:
    """Parse a speed that is not zero."""
    return _above_zero(text, "a number")


def _above_zero(text: str, what: str) -> float:
    value = float(text)
    if not 0 < value < math.inf:
        raise argparse.ArgumentTypeError(f"{text} is not {what} greater than 0")
    return value


def positive(text: str) -> int:
    """Parse a number from 1 up."""
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"{text} is not a number from 1 up")
    return value


def port(text: str) -> int:
    """Parse the number of a port; 0 stands for any that is free."""
    value = int(text)
    if not 0 <= value < 1 << 16:
        raise argparse.ArgumentTypeError(f"{text} is not a port from 0 to 65535")
    return value
