"""Stubs of a catalog's types: what an editor and a type checker are told."""

from __future__ import annotations

import subprocess
import sys
from importlib import resources
from pathlib import Path

import pytest

from memlane.buffer import BufferStore, Parameter
from memlane.buffer.__main__ import main
from memlane.buffer.stubs import make_stubs, python_type

SHIPPED = Path(str(resources.files("memlane.buffer").joinpath("smart-devices.json")))


@pytest.mark.parametrize(
    ("specifier", "expected"),
    [
        ("bool", "bool"), ("uint16", "int"), ("double", "float"), ("char", "bytes"), ("char[9]", "bytes"),
        ("wchar[9]", "str"), ("float[3]", "list[float]"), ("int8[2][3]", "list[list[int]]"),
        ("char[9][2]", "list[bytes]"),
    ],
)  # fmt: skip
def test_values_have_the_types_that_get_returns(specifier: str, expected: str) -> None:
    """A stub that says something else is worse than none."""
    assert python_type(Parameter("value", Parameter.parse_ctype(specifier), 0)) == expected


def test_stub_has_each_class_with_its_parameters() -> None:
    """Names are completed, and typing errors underlined."""
    text = make_stubs(BufferStore.make_catalog(SHIPPED))

    assert "class ServoMotor(DeviceBuffer):" in text
    assert "class Gamepad(Buffer):" in text
    assert "    def get(self, param: Literal['servo0', 'servo1'], /) -> float: ..." in text
    compile(text, "stubs", "exec")


def test_command_writes_the_stub_beside_the_catalog(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """An editor finds it there."""
    catalog = tmp_path / "my-robot.json"
    catalog.write_text(SHIPPED.read_text())

    assert main(["stubs", str(catalog)]) == 0

    assert capsys.readouterr().out.strip() == str(tmp_path / "my_robot.pyi")
    assert (tmp_path / "my_robot.pyi").read_text() == make_stubs(BufferStore.make_catalog(SHIPPED))


def test_command_says_what_is_wrong_with_a_catalog(tmp_path: Path) -> None:
    """Not by a traceback."""
    (tmp_path / "broken.json").write_text('{"motor": {}}')

    command = [sys.executable, "-m", "memlane.buffer", "stubs", str(tmp_path / "broken.json")]
    finished = subprocess.run(command, capture_output=True, text=True, check=False)

    assert finished.returncode == 2
    assert finished.stderr.startswith("memlane.buffer: catalog, device 'motor', key 'params'")
