"""Catalogs: what they may look like, and what is said about one that is broken."""

from __future__ import annotations

import copy
import json
import subprocess
import sys
from importlib import resources
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from memlane.buffer import CatalogError, DeviceBufferError
from memlane.buffer.catalog import DeviceSpecification, parse_catalog, read_catalog

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

YAML = """
limit-switch:
  device_id: 0
  sub_interval: 0.1
  params:
    - {name: switch0, type: bool}
    - {name: switch1, type: bool, id: 5}
gamepad:
  params:
    - {name: joystick_left_x, type: float, lower: -1, upper: 1}
"""
AS_DICT: dict[str, Any] = {
    "limit-switch": {
        "device_id": 0,
        "sub_interval": 0.1,
        "params": [{"name": "switch0", "type": "bool"}, {"name": "switch1", "type": "bool", "id": 5}],
    },
    "gamepad": {"params": [{"name": "joystick_left_x", "type": "float", "lower": -1, "upper": 1}]},
}
RESERVED = frozenset({"get", "params"})


def parsed(source: Any) -> list[DeviceSpecification]:
    """Read a catalog from anything that it can come from."""
    return parse_catalog(read_catalog(source), RESERVED)


def test_catalog_says_the_same_as_dict_as_json_and_as_yaml(tmp_path: Path) -> None:
    """Robots have theirs in files, tests in the program."""
    for name, text in (("catalog.json", json.dumps(AS_DICT)), ("catalog.yaml", YAML)):
        (tmp_path / name).write_text(text)
    sources: list[Any] = [AS_DICT, json.dumps(AS_DICT), json.dumps(AS_DICT).encode(), YAML, YAML.encode()]
    sources += [tmp_path / "catalog.json", str(tmp_path / "catalog.yaml")]

    first, *others = map(parsed, sources)

    assert first[0].name == "limit-switch"
    assert first[0].attributes == {"sub_interval": 0.1}
    assert [(param.name, param.id) for param in first[0].params] == [("switch0", 0), ("switch1", 5)]
    assert first[1].device_id is None
    assert others == [first] * len(others)


def test_input_stays_as_it_was() -> None:
    """A catalog is read by several parts of a program."""
    given = copy.deepcopy(AS_DICT)

    parsed(given)

    assert given == AS_DICT


def test_catalog_of_the_examples_is_shipped_and_whole() -> None:
    """Examples and tests of all programs share it."""
    shipped = parsed(resources.files("memlane.buffer").joinpath("smart-devices.json").read_text())

    sizes = {device.name: (device.device_id, len(device.params)) for device in shipped}
    assert sizes == {
        "limit-switch": (0, 3),
        "line-follower": (1, 3),
        "potentiometer": (2, 3),
        "encoder": (3, 1),
        "battery": (4, 8),
        "team-flag": (5, 7),
        "servo-motor": (7, 2),
        "polar-bear": (12, 14),
        "koala-bear": (13, 16),
        "gamepad": (None, 21),
    }


def device(**changes: object) -> dict[str, Any]:
    """Return a catalog of one device, with other or further keys."""
    return {"limit-switch": {"device_id": 0, "params": [{"name": "switch0", "type": "bool"}], **changes}}


def param(**changes: object) -> dict[str, Any]:
    """Return a catalog of one device with one parameter, with other or further keys."""
    return device(params=[{"name": "switch0", "type": "bool", **changes}])


BROKEN: list[tuple[Mapping[Any, Any], dict[str, str], str]] = [
    ({1: {}}, {}, "kebab case"),
    ({"Limit Switch": {}}, {}, "kebab case"),
    ({"x/y": {}}, {}, "kebab case"),
    ({"limit-switch": []}, {"device": "limit-switch"}, "a mapping"),
    ({"limit-switch": {}}, {"device": "limit-switch", "key": "params"}, "a list of parameters"),
    ({"limit-switch": {1: 2, "params": []}}, {"device": "limit-switch"}, "keys that are text"),
    (device(params="switch0"), {"device": "limit-switch", "key": "params"}, "a list of parameters, not 'switch0'"),
    (device(params=["switch0"]), {"device": "limit-switch", "param": "number 0", "key": "params"}, "a mapping"),
    (device(device_id=-1), {"device": "limit-switch", "key": "device_id"}, "from 0 to 65535, not -1"),
    (device(device_id="0"), {"device": "limit-switch", "key": "device_id"}, "an integer"),
    (device(device_id=True), {"device": "limit-switch", "key": "device_id"}, "an integer"),
    (device(device_id=None), {"device": "limit-switch", "key": "device_id"}, "an integer"),
    (device(sub_interval=0), {"device": "limit-switch", "key": "sub_interval"}, "seconds above 0, not 0"),
    (device(sub_interval=10**400), {"device": "limit-switch", "key": "sub_interval"}, "a number"),
    (device(write_interval="fast"), {"device": "limit-switch", "key": "write_interval"}, "a number"),
    (device(heartbeat_interval=float("nan")), {"device": "limit-switch", "key": "heartbeat_interval"}, "a number"),
    (device(get=1), {"device": "limit-switch", "key": "get"}, "another name"),
    (device(**{"two words": 1}), {"device": "limit-switch", "key": "two words"}, "class attribute"),
    (device(_hidden=1), {"device": "limit-switch", "key": "_hidden"}, "class attribute"),
    (device(params=[{"type": "bool"}]), {"device": "limit-switch", "param": "number 0", "key": "name"}, "a name"),
    (param(name=""), {"device": "limit-switch", "param": "", "key": "name"}, "a name"),
    (param(name="a\nb"), {"device": "limit-switch", "param": "a\nb", "key": "name"}, "printable"),
    (param(name=7), {"device": "limit-switch", "param": "number 0", "key": "name"}, "a name"),
    (device(params=[{"name": "a"}]), {"device": "limit-switch", "param": "a", "key": "type"}, "a ctypes type"),
    (param(type="folat"), {"device": "limit-switch", "param": "switch0", "key": "type"}, "'folat'"),
    (param(type=3), {"device": "limit-switch", "param": "switch0", "key": "type"}, "a ctypes type"),
    (param(id=16), {"device": "limit-switch", "param": "switch0", "key": "id"}, "from 0 to 15"),
    (param(id=-1), {"device": "limit-switch", "param": "switch0", "key": "id"}, "an integer"),
    (param(id=1.5), {"device": "limit-switch", "param": "switch0", "key": "id"}, "an integer"),
    (param(lower="low"), {"device": "limit-switch", "param": "switch0", "key": "lower"}, "a number"),
    (param(lower=-(10**400)), {"device": "limit-switch", "param": "switch0", "key": "lower"}, "a number"),
    (param(lower=1, upper=0), {"device": "limit-switch", "param": "switch0", "key": "lower"}, "upper limit 0"),
    (param(upper=float("nan")), {"device": "limit-switch", "param": "switch0", "key": "upper"}, "a number"),
    (param(readable="yes"), {"device": "limit-switch", "param": "switch0", "key": "readable"}, "true or false"),
    (param(readable=False), {"device": "limit-switch", "param": "switch0", "key": "readable"}, "writeable"),
    (param(writable=True), {"device": "limit-switch", "param": "switch0", "key": "writable"}, "one of name, type"),
    (
        device(params=[{"name": "a", "type": "bool"}, {"name": "a", "type": "bool"}]),
        {"device": "limit-switch", "param": "a", "key": "name"},
        "of its own",
    ),
    (
        device(params=[{"name": "a", "type": "bool", "id": 1}, {"name": "b", "type": "bool"}]),
        {"device": "limit-switch", "param": "b", "key": "id"},
        "the parameter 'a' has 1 too",
    ),
    (
        {**device(), "line-follower": {"device_id": 0, "params": []}},
        {"device": "line-follower", "key": "device_id"},
        "'limit-switch' has 0 too",
    ),
    (
        device(params=[{"name": f"p{index}", "type": "bool"} for index in range(17)]),
        {"device": "limit-switch", "param": "p16", "key": "id"},
        "from 0 to 15",
    ),
]


@pytest.mark.parametrize(("raw", "place", "expected"), BROKEN)
def test_error_names_device_parameter_key_and_what_was_expected(
    raw: Mapping[Any, Any], place: dict[str, str], expected: str
) -> None:
    """A catalog of a robot has a hundred lines, and one of them is wrong."""
    with pytest.raises(CatalogError) as caught:
        parsed(raw)

    assert caught.value.context == place
    assert expected in str(caught.value)
    assert all(repr(name) in str(caught.value) for name in place.values())


def has_text_keys(raw: object) -> bool:
    """Say whether a mapping can stand in a JSON text."""
    return not isinstance(raw, dict) or all(isinstance(key, str) and has_text_keys(raw[key]) for key in raw)


@pytest.mark.parametrize("written", [json.dumps, yaml.safe_dump], ids=["JSON", "YAML"])
def test_error_is_the_same_in_every_form(written: Callable[[object], str]) -> None:
    """A catalog that moves from one form to another keeps its mistakes, and their names."""
    for raw, place, expected in BROKEN:
        if has_text_keys(raw):
            with pytest.raises(CatalogError) as caught:
                parsed(written(raw))

            assert caught.value.context == place
            assert expected in str(caught.value)


def test_error_is_what_users_of_buffers_and_of_values_catch() -> None:
    """A broken catalog is wrong data of a device, and a wrong argument."""
    assert issubclass(CatalogError, DeviceBufferError)
    assert issubclass(CatalogError, ValueError)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('{"a": }', "line 1, column 7 is no JSON"),
        ('{"a": {"params": []}, "a": {"params": []}}', "each key once"),
        ('{"a": ' + "[" * 100_000, "nested too deeply"),
        ("a:\n  - [", "no YAML"),
        ("a: {params: []}\na: {params: []}\n", "each key once"),
        ("- a\n- b\n", "a mapping of device types by name"),
        ("\n", "a mapping of device types by name"),
        ("a: !!python/object/apply:os.getpid []\n", "no YAML"),
        ("a:\n  " + "[" * 100_000 + "\n", "nested too deeply"),
        (b"{\xff}", "no text in UTF-8"),
        ('{"a": ' + "1" * 5000 + "}", "this JSON is no catalog: .*5000 digits"),
        ("a: 2001-99-99\n", "this YAML is no catalog: month must be"),
    ],
    ids=[
        "json", "json key twice", "json deep", "yaml", "yaml key twice", "list", "nothing", "yaml code", "yaml deep",
        "bytes", "json digits", "yaml date",
    ],
)  # fmt: skip
def test_text_that_is_no_catalog_is_refused(text: str | bytes, expected: str) -> None:
    """It is often the wrong file."""
    with pytest.raises(CatalogError, match=expected):
        parsed(text)


@pytest.mark.parametrize("source", [7, None, ["a"]])
def test_source_of_another_type_is_refused(source: object) -> None:
    """What it is cannot be guessed."""
    with pytest.raises(TypeError, match="a mapping, a text or a path"):
        parsed(source)


def test_missing_file_is_the_error_of_the_system() -> None:
    """Its number and path say all."""
    with pytest.raises(FileNotFoundError):
        parsed("no-such-catalog.json")


def test_missing_yaml_package_is_named_with_the_way_to_it(tmp_path: Path) -> None:
    """JSON needs nothing; who has YAML is told what it needs."""
    path = tmp_path / "catalog.yaml"
    path.write_text(YAML)
    program = (
        "import sys; sys.modules['yaml'] = None\n"
        "import memlane; from memlane.buffer.catalog import read_catalog\n"
        f"try: read_catalog({str(path)!r})\n"
        "except memlane.MissingDependency as error: print(error)"
    )

    answer = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout

    assert "memlane[devices]" in answer
