"""Values on the command line: JSON, and all that is no JSON is text."""

from __future__ import annotations

import json
from typing import Any


def parse(text: str, *, as_text: bool = False) -> Any:
    """Return the value that an argument means.

    Example:
        >>> parse('{"x": 1.5}'), parse("12"), parse("hello"), parse("12", as_text=True)
        ({'x': 1.5}, 12, 'hello', '12')
    """
    if as_text:
        return text
    try:
        return json.loads(text)
    except ValueError:
        return text
