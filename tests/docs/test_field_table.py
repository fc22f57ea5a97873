"""A reader that knows only the page of the field table understands the schema of real objects."""

from __future__ import annotations

import re
import struct
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from memlane import HostVariable
from memlane.codec.fields import SIZES
from tests import formats
from tests.docs import dump, pages
from tests.segments import Segment

if TYPE_CHECKING:
    from pathlib import Path

PAGE = "docs/format/field-table.md"
CODES = {2: "<H", 4: "<I", 8: "<Q"}
TABLES = {"## Table": ("memlane_field_table", 16), "## Entry": ("memlane_field_entry", 32)}


def record(heading: str, content: bytes, at: int) -> dict[str, Any]:
    """Read the fields of a table of the page."""
    fields = {}
    for row in pages.table(PAGE, heading):
        start, size = at + int(row["Offset"]), int(row["Size"])
        fields[row["Field"]] = struct.unpack(CODES[size], content[start : start + size])[0]
    return fields


def entries(schema: bytes) -> list[tuple[str, int, int, int, str]]:
    """Read the whole table as the page describes it."""
    names = {int(row["Code"]): row["Name"] for row in pages.table(PAGE, "## Codes")}
    found, at = [], 16
    for _ in range(record("## Table", schema, 0)["count"]):
        entry = record("## Entry", schema, at)
        end = at + 28 + entry["path_length"]
        size = (28 + entry["path_length"] + 1 + 7) // 8 * 8
        assert not any(schema[end : at + size])
        found.append(
            (schema[at + 28 : end].decode(), entry["offset"], entry["size"], entry["count"], names[entry["code"]])
        )
        at += size
    assert at == len(schema)
    return found


@pytest.mark.parametrize(
    "data_format",
    [formats.Everything, formats.Label, formats.POSE_DTYPE, np.dtype(("f4", (3, 4)))],
    ids=["msgspec", "ctypes", "dtype", "array"],
)
def test_schema_of_an_object_is_read_by_the_page_alone(namespace: Path, data_format: Any) -> None:
    """Another implementation has to come to the same fields."""
    with HostVariable("x", data_format=data_format) as variable:
        segment = Segment(namespace / "x")
        schema = segment.read(4096, segment["schema_length"])

        assert schema[:4] == b"FLD1"
        assert record("## Table", schema, 0)["size"] == segment["capacity"]
        assert entries(schema) == [tuple(field) for field in variable.fields]


def test_value_in_its_slot_is_the_struct_alone(namespace: Path) -> None:
    """C programs map it."""
    with HostVariable("label", data_format=formats.Label, slots=2) as variable:
        variable.data = (7, b"name", b"text")
        segment = Segment(namespace / "label")
        slot = segment.word(segment.register) & 0xFFFF
        length_type = segment.word(segment.slots + 64 * slot + 8)

        assert (length_type >> 40, length_type & (1 << 40) - 1) == (5, 46)
        value = segment.read(segment.values + segment["stride"] * slot, 46)
        assert struct.unpack("<i10s32s", value) == (7, b"name".ljust(10, b"\0"), b"text".ljust(32, b"\0"))


@pytest.mark.parametrize("heading", TABLES)
def test_offsets_of_the_page_are_those_that_the_core_asserts(heading: str) -> None:
    """The compiler holds the core to its layout, this test holds the page to the compiler's words."""
    layout = (pages.CORE / "src" / "layout.h").read_text()
    documented = {row["Field"]: int(row["Offset"]) for row in pages.table(PAGE, heading)}
    name, size = TABLES[heading]

    asserted = re.findall(rf"MEMLANE_ASSERT_OFFSET\({name}, (\w+), (\d+)\)", layout)

    assert {field: documented.get(field) for field, _ in asserted} == {field: int(at) for field, at in asserted}
    assert sum(int(row["Size"]) for row in pages.table(PAGE, heading)) == size


def test_codes_of_the_page_are_those_of_the_header_and_of_the_codec() -> None:
    """A code with another number would be read as another type."""
    header = (pages.CORE / "include" / "memlane" / "format.h").read_text()
    rows = pages.table(PAGE, "## Codes")

    assert re.findall(r"^    MEMLANE_(\w+) = (\d+)", header, re.MULTILINE) == [
        (row["Name"].upper(), row["Code"]) for row in rows
    ]
    assert {row["Name"]: int(row["size"]) if row["size"].isdigit() else None for row in rows} == SIZES


def test_example_of_the_page_is_a_real_schema(namespace: Path) -> None:
    """An example that does not match the tables teaches the wrong format."""
    assert pages.fences(PAGE)[0].text == dump.dump("schema", namespace)
