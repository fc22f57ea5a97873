"""Fixed formats between processes: C programs, forked and spawned children, and writers that are killed."""

from __future__ import annotations

import multiprocessing
import subprocess
import zlib
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np
import pytest

from memlane import HostVariable
from tests.children import answer_of_child
from tests.compiler import compile_program
from tests.formats import LABEL_DTYPE, Label, LabelStruct, Pose
from tests.peer import Link, Peer

if TYPE_CHECKING:
    from multiprocessing.process import BaseProcess
    from pathlib import Path

PROGRAM = r"""
#include <memlane/memlane.h>

#include <stdio.h>
#include <string.h>

struct __attribute__((packed)) label {
    int number;
    char name[10], text[32];
};

static int fail(const memlane_error *error) {
    fprintf(stderr, "%s\n", error->message);
    return 1;
}

/* label write NUMBER NAME TEXT | label read | label wrong */
int main(int count, char **arguments) {
    memlane_field fields[] = {
        MEMLANE_FIELD(struct label, number, MEMLANE_INT32),
        MEMLANE_FIELD(struct label, name, MEMLANE_CHAR),
        MEMLANE_FIELD(struct label, text, MEMLANE_CHAR),
    };
    struct label label;
    memlane_variable_options options;
    memlane_variable *variable;
    memlane_reading reading;
    memlane_format *format;
    memlane_error error;
    if (strcmp(arguments[1], "wrong") == 0) {
        fields[1].path = "title";
    }
    memlane_variable_options_initialise(&options);
    if (memlane_format_create(&format, sizeof label, fields, 3, &error) != MEMLANE_OK) {
        return fail(&error);
    }
    options.format = format;
    if (memlane_variable_open(&variable, "label", 5, &options, &error) != MEMLANE_OK) {
        return fail(&error);
    }
    if (count == 5) {
        memset(&label, 0, sizeof label);
        sscanf(arguments[2], "%d", &label.number);
        strncpy(label.name, arguments[3], sizeof label.name);
        strncpy(label.text, arguments[4], sizeof label.text);
        if (memlane_variable_write(variable, &label, sizeof label, MEMLANE_TYPE_STRUCT, 0, &error) != MEMLANE_OK) {
            return fail(&error);
        }
    } else {
        if (memlane_variable_read(variable, &label, sizeof label, &reading, &error) != MEMLANE_OK) {
            return fail(&error);
        }
        printf("%d %.10s %.32s\n", label.number, label.name, label.text);
    }
    memlane_format_free(format);
    memlane_variable_free(variable);
    return 0;
}
"""


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Compile the C program."""
    return compile_program(PROGRAM, tmp_path_factory.mktemp("c"), "label")


def run(program: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the C program to its end."""
    return subprocess.run([program, *arguments], capture_output=True, text=True, check=False)


@pytest.mark.slow
@pytest.mark.parametrize(
    "data_format", [Label, LabelStruct, LABEL_DTYPE, None], ids=["object", "struct", "dtype", "none"]
)
def test_packed_struct_is_shared_with_c_both_ways(namespace: Path, program: Path, data_format: Any) -> None:
    """The value of a C program that has exited is read here, and the reverse."""
    written = run(program, "write", "7", "gripper", "as long as thirty-two characters")
    assert (written.returncode, written.stderr) == (0, "")

    with HostVariable("label", data_format=data_format) as variable:
        assert fields_of(variable.data) == (7, b"gripper", b"as long as thirty-two characters")
        variable.data = (-8, b"0123456789", b"short")

    assert run(program, "read").stdout == "-8 0123456789 short\n"


def fields_of(value: Any) -> tuple[int, bytes, bytes]:
    """Return the fields of a label, whatever holds them."""
    if isinstance(value, np.void):
        return int(value["number"]), bytes(value["name"]), bytes(value["text"])
    return value.number, value.name, value.text


@pytest.mark.slow
def test_wrong_struct_of_a_c_program_is_refused_with_the_field_named(namespace: Path, program: Path) -> None:
    """C programs get the same answer."""
    with HostVariable("label", data_format=Label):
        refused = run(program, "wrong")

    assert refused.returncode == 1
    assert "field 2: `title` here, `name` there" in refused.stderr


def test_forked_child_goes_on_with_its_parents_format(namespace: Path) -> None:
    """Rule 8."""
    with HostVariable("pose", data_format=Pose) as variable:
        variable.data = Pose(1.0, 2.0, 3.0, 4.0, 5.0)

        def change() -> float:
            value = variable.data
            variable.data = msgspec.structs.replace(value, x=value.x + 1)
            return float(variable.data.x)

        assert answer_of_child(change) == 2.0
        assert variable.data.x == 2.0


SPAWN = multiprocessing.get_context("spawn")
FORKSERVER = multiprocessing.get_context("forkserver")


def change_pose(variable: HostVariable) -> None:
    """Work of a spawned child: the endpoint came as a pickle."""
    variable.data = Pose(9.0, 8.0, 7.0, 6.0, 5.0)


@pytest.mark.slow
@pytest.mark.parametrize("process", [SPAWN.Process, FORKSERVER.Process], ids=["spawn", "forkserver"])
def test_spawned_child_opens_the_same_format(namespace: Path, process: type[BaseProcess]) -> None:
    """D14: the class travels by its name."""
    with HostVariable("pose", data_format=Pose) as variable:
        child = process(target=change_pose, args=(variable,))
        child.start()
        child.join()

        assert variable.data == Pose(9.0, 8.0, 7.0, 6.0, 5.0)
        child.close()


class Sealed(msgspec.Struct):
    """A value that knows whether it is whole."""

    numbers: tuple[int, int, int, int, int, int, int, int]
    seal: int


def sealed(number: int) -> Sealed:
    """Return a value with its checksum."""
    numbers = tuple(number * step for step in range(1, 9))
    return Sealed(numbers, zlib.crc32(repr(numbers).encode()))  # type: ignore[arg-type]


def write_for_ever(link: Link) -> None:
    """Write until killed."""
    with HostVariable("sealed", data_format=Sealed) as variable:
        link.send("open")
        number = 0
        while True:
            number += 1
            variable.data = sealed(number)


@pytest.mark.slow
def test_killed_writers_leave_whole_structs(namespace: Path) -> None:
    """Rule 7 holds for formats as well: no reader sees half a struct."""
    HostVariable("sealed", data_format=Sealed).close()
    for _ in range(3):
        with HostVariable("sealed", data_format=Sealed) as reader, Peer(write_for_ever) as writer:
            assert writer.receive() == "open"
            for _ in range(2000):
                value = reader.get()
                assert value is None or value.seal == zlib.crc32(repr(value.numbers).encode())
            reader.wait()
            writer.kill()
            value = reader.data
            assert value.seal == zlib.crc32(repr(value.numbers).encode())
