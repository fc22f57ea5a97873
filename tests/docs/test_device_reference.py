"""The reference page of device buffers lists what there is, with its arguments."""

from __future__ import annotations

import dataclasses
import inspect
import re
from collections.abc import Mapping
from typing import Any

import pytest

from memlane.buffer import Buffer, BufferStore, DeviceBuffer, Parameter
from memlane.devices import LineCounters
from memlane.messaging import Message
from memlane.sync import Mutex
from tests.docs import pages

PAGE = "docs/reference/device-buffers.md"
CALL = re.compile(r"(\w+)(\(.*\))?")


def members(column: str) -> dict[str, str]:
    """Return what stands in the first column of a table: names, and arguments where there are some."""
    table = pages.read(PAGE).partition(f"| {column} |")[2].partition("\n\n")[0]
    cells = re.findall(r"^\| (`.+?`) \|", table, re.MULTILINE)
    return {
        call[1]: call[2] or ""
        for cell in cells
        for text in re.findall("`([^`]+)`", cell)
        if (call := CALL.fullmatch(text))
    }


def public(kind: type) -> set[str]:
    """Return the names of a class that are its users': not what tuples and mappings have."""
    inherited = {name for base in (tuple, Mapping) if issubclass(kind, base) for name in dir(base)}
    fields = set(getattr(kind, "_fields", ()))
    return {name for name in dir(kind) if not name.startswith("_")} - inherited - fields


def arguments(found: Any) -> str:
    """Return the arguments of a function, without annotations and self."""
    kept = [
        parameter.replace(annotation=inspect.Parameter.empty)
        for parameter in inspect.signature(found).parameters.values()
        if parameter.name != "self"
    ]
    return str(inspect.Signature(kept)).replace("'", '"').replace("mode=384", "mode=0o600")


@pytest.mark.parametrize("kind", [Parameter, Buffer, BufferStore, Message, Mutex])
def test_page_lists_every_member(kind: type) -> None:
    """What is not in the reference does not exist for its readers."""
    assert set(members(f"Member of {kind.__name__}")) == public(kind)


def test_page_lists_what_a_device_buffer_adds() -> None:
    """The rest is a buffer's."""
    assert set(members("Member of DeviceBuffer")) == public(DeviceBuffer) - public(Buffer)


@pytest.mark.parametrize("kind", [Parameter, Buffer, DeviceBuffer, BufferStore, Message, Mutex])
def test_arguments_on_the_page_are_those_of_the_code(kind: type) -> None:
    """A default that is wrong on the page is a bug in the reader's program."""
    documented = {name: text for name, text in members(f"Member of {kind.__name__}").items() if text}

    assert {name: plain(text) for name, text in documented.items()} == {
        name: plain(arguments(getattr(kind, name))) for name in documented
    }


def plain(text: str) -> str:
    """Leave out the mark of arguments that have no name: it says nothing to who calls."""
    return text.replace(", /", "")


def test_page_lists_every_counter() -> None:
    """A number without a meaning is noise."""
    assert list(members("Field of LineCounters")) == [field.name for field in dataclasses.fields(LineCounters)]
