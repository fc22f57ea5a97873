"""Catalogs: which types of devices there are, and what each one's parameters are.

A catalog comes as a dict, as JSON or YAML text, or from a file. `parse_catalog` checks all of it; each error names the
device, the parameter and the key, and says what was expected.
"""

from __future__ import annotations

import json
import keyword
import math
import os
import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, NoReturn

from memlane.buffer.parameter import Parameter, is_simple
from memlane.errors import DeviceBufferError, MissingDependency

PARAMETERS_MAXIMUM = 16
DEVICE_ID_MAXIMUM = 0xFFFF
INTERVALS = ("sub_interval", "write_interval", "heartbeat_interval")

_TYPE_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]*(?:-[A-Za-z0-9_]+)*", re.ASCII)
_TYPE_NAME_LONGEST = 100
_MISSING = object()


class CatalogError(DeviceBufferError, ValueError):
    """A catalog does not say what it has to; ``context`` has the device, parameter and key."""


class DeviceSpecification(NamedTuple):
    """What a catalog says about one type of device."""

    name: str
    params: tuple[Parameter, ...]
    device_id: int | None
    attributes: dict[str, Any]


class Place(NamedTuple):
    """Where in a catalog something stands."""

    device: str | None = None
    param: str | None = None
    key: str | None = None

    def refuse(self, expected: str, found: object = _MISSING) -> NoReturn:
        """Raise the error that says what was expected here."""
        names = (("device", self.device), ("parameter", self.param), ("key", self.key))
        where = ", ".join(["catalog", *(f"{what} {name!r}" for what, name in names if name is not None)])
        instead = "" if found is _MISSING else f", not {_shown(found)}"
        context = {name: value for name, value in self._asdict().items() if value is not None}
        raise CatalogError(f"{where}: expected {expected}{instead}", **context)


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:77]}..."  # noqa: PLR2004  (a line of a terminal)


# -- where it comes from -------------------------------------------------------------------------------------


def read_catalog(source: Mapping[str, Any] | str | bytes | os.PathLike[str]) -> Mapping[str, Any]:
    """Return the raw catalog of a mapping, a JSON or YAML text, or a path.

    A string with a line break or an opening brace is text, any other a path. Text that begins with a brace, and files
    that end in ``.json``, are JSON; all else is YAML.
    """
    if isinstance(source, Mapping):
        return source
    if isinstance(source, bytes):
        source = _decode(source)
    if isinstance(source, str) and ("\n" in source or source.lstrip().startswith("{")):
        loaded = _load_text(source)
    elif isinstance(source, (str, os.PathLike)):
        with open(source, "rb") as file:
            text = _decode(file.read())
        is_json = os.fspath(source).endswith(".json")
        loaded = _load_json(text) if is_json else _load_text(text)
    else:
        raise TypeError(f"a catalog is a mapping, a text or a path, not {type(source).__name__}")
    if not isinstance(loaded, Mapping):
        Place().refuse("a mapping of device types by name", loaded)
    return loaded


def _decode(content: bytes) -> str:
    try:
        return content.decode()
    except UnicodeDecodeError as error:
        raise CatalogError(f"catalog: this is no text in UTF-8: {error}") from None


def _load_text(text: str) -> Any:
    return _load_json(text) if text.lstrip().startswith("{") else _load_yaml(text)


def _load_json(text: str) -> Any:
    try:
        return json.loads(text, object_pairs_hook=_without_duplicates)
    except CatalogError:
        raise
    except json.JSONDecodeError as error:
        raise CatalogError(f"catalog: line {error.lineno}, column {error.colno} is no JSON: {error.msg}") from error
    except RecursionError:
        raise CatalogError("catalog: this JSON is nested too deeply to be a catalog") from None
    except ValueError as error:  # an integer of thousands of digits
        raise CatalogError(f"catalog: this JSON is no catalog: {error}") from None


def _without_duplicates(pairs: list[tuple[Any, Any]]) -> dict[Any, Any]:
    found: dict[Any, Any] = {}
    for key, value in pairs:
        if key in found:
            Place(key=str(key)).refuse("each key once in a mapping")
        found[key] = value
    return found


def _load_yaml(text: str) -> Any:
    try:
        import yaml  # noqa: PLC0415  (of an extra, and only for who has YAML)
    except ImportError as error:
        raise MissingDependency(
            "a catalog in YAML needs PyYAML: pip install 'memlane[devices]', or write it in JSON"
        ) from error

    class Loader(yaml.SafeLoader):  # type: ignore[misc]  # it has no types
        """Plain YAML, in which each key of a mapping stands once."""

        def construct_mapping(self, node: Any, deep: bool = False) -> dict[Any, Any]:  # noqa: FBT001, FBT002  (theirs)
            keys = [key.value for key, _ in node.value if not isinstance(key.value, list)]
            _without_duplicates([(key, None) for key in keys])
            mapping: dict[Any, Any] = super().construct_mapping(node, deep)
            return mapping

    try:
        return yaml.load(text, Loader)  # noqa: S506  (it is the safe loader)
    except yaml.YAMLError as error:
        raise CatalogError(f"catalog: this is no YAML: {' '.join(str(error).split())}") from error
    except RecursionError:
        raise CatalogError("catalog: this YAML is nested too deeply to be a catalog") from None
    except CatalogError:
        raise
    except ValueError as error:  # such as a date that no calendar has
        raise CatalogError(f"catalog: this YAML is no catalog: {error}") from None


# -- what it says --------------------------------------------------------------------------------------------


def parse_catalog(raw: Mapping[str, Any], reserved: frozenset[str]) -> list[DeviceSpecification]:
    """Check a raw catalog and return what it says; the raw one stays as it was.

    Args:
        raw: From `read_catalog`.
        reserved: Names that no further key may have: the class attributes of buffers.
    """
    found = [_parse_device(name, specification, reserved) for name, specification in raw.items()]
    by_id: dict[int, str] = {}
    for device in found:
        if device.device_id is None:
            continue
        if device.device_id in by_id:
            place = Place(device.name, key="device_id")
            place.refuse(f"an id of its own: {by_id[device.device_id]!r} has {device.device_id} too")
        by_id[device.device_id] = device.name
    return found


def check_type_name(name: object) -> str:
    """Return the name of a type, in kebab case."""
    if not isinstance(name, str) or not _TYPE_NAME.fullmatch(name) or len(name) > _TYPE_NAME_LONGEST:
        Place().refuse("names of device types in kebab case, such as 'limit-switch'", name)
    return name


def _parse_device(name: object, raw: object, reserved: frozenset[str]) -> DeviceSpecification:
    name = check_type_name(name)
    place = Place(name)
    if not isinstance(raw, Mapping):
        place.refuse("a mapping with the key 'params'", raw)
    for key in raw:
        if not isinstance(key, str):
            place.refuse("keys that are text", key)
    device_id = raw.get("device_id")
    if "device_id" in raw and not _is_integer(device_id, DEVICE_ID_MAXIMUM):
        place._replace(key="device_id").refuse(f"an integer from 0 to {DEVICE_ID_MAXIMUM}", device_id)
    attributes = {key: value for key, value in raw.items() if key not in {"device_id", "params"}}
    for key, value in attributes.items():
        _check_attribute(place._replace(key=key), value, reserved)
    return DeviceSpecification(name, _parse_parameters(place, raw, device_id is not None), device_id, attributes)


def _is_integer(value: object, maximum: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= maximum


def _is_number(value: object) -> bool:
    """Whether it is an int or a float, and no NaN; nor an int that no float comes near."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return False
    try:
        return not math.isnan(value)
    except OverflowError:
        return False


def _check_attribute(place: Place, value: object, reserved: frozenset[str]) -> None:
    key = str(place.key)
    if key in INTERVALS:
        if not (isinstance(value, (int, float)) and _is_number(value) and 0 < value < math.inf):
            place.refuse("a number of seconds above 0", value)
    elif not key.isidentifier() or keyword.iskeyword(key) or key.startswith("_"):
        place.refuse("'device_id', 'params', an interval, or a name for a class attribute")
    elif key in reserved:
        place.refuse("another name: every buffer has an attribute of this one")


def _parse_parameters(place: Place, raw: Mapping[str, Any], is_device: bool) -> tuple[Parameter, ...]:  # noqa: FBT001
    place = place._replace(key="params")
    listed = raw.get("params", _MISSING)
    if listed is _MISSING:
        place.refuse("a list of parameters")
    if not isinstance(listed, Sequence) or isinstance(listed, (str, bytes)):
        place.refuse("a list of parameters", listed)
    params = tuple(_parse_parameter(place, index, item) for index, item in enumerate(listed))
    check_parameters(params, is_device=is_device, place=place)
    return params


def _parse_parameter(place: Place, index: int, raw: object) -> Parameter:
    if not isinstance(raw, Mapping):
        place._replace(param=f"number {index}").refuse("a mapping with the keys 'name' and 'type'", raw)
    name = raw.get("name", _MISSING)
    place = place._replace(param=name if isinstance(name, str) else f"number {index}", key="name")
    _check_parameter_name(place, name)
    for key in raw:
        if key not in {"name", "type", "id", "lower", "upper", "readable", "writeable", "subscribed"}:
            known = "one of name, type, id, lower, upper, readable, writeable, subscribed"
            place._replace(key=str(key)).refuse(known)
    arguments = {key: raw[key] for key in ("lower", "upper", "readable", "writeable", "subscribed") if key in raw}
    for key, value in arguments.items():
        _check_argument(place._replace(key=key), value)
    number = raw.get("id", index)
    if not _is_integer(number, DEVICE_ID_MAXIMUM):
        place._replace(key="id").refuse(f"an integer from 0 to {DEVICE_ID_MAXIMUM}", number)
    return Parameter(str(name), _parse_type(place._replace(key="type"), raw), number, **arguments)


def _parse_type(place: Place, raw: Mapping[str, Any]) -> Any:
    specifier = raw.get("type", _MISSING)
    if not isinstance(specifier, str):
        place.refuse("the name of a ctypes type without c_, such as 'int32' or 'bool[8]'", specifier)
    try:
        return Parameter.parse_ctype(specifier)
    except ValueError as error:
        place.refuse(f"the name of a type: {error}")


def _check_argument(place: Place, value: object) -> None:
    if place.key in {"lower", "upper"}:
        if not _is_number(value):
            place.refuse("a number", value)
    elif not isinstance(value, bool):
        place.refuse("true or false", value)


def _check_parameter_name(place: Place, name: object) -> None:
    if not isinstance(name, str) or not name or not name.isprintable() or len(name.encode()) > _TYPE_NAME_LONGEST:
        place.refuse(f"a name: 1 to {_TYPE_NAME_LONGEST} printable characters", name)


def check_ctype(place: Place, ctype: object) -> None:
    """Check that values of a C type mean the same in every process: pointers do not."""
    if not is_simple(ctype):
        place.refuse("a simple ctypes type that is no pointer, or an array of such", ctype)


def check_parameters(params: Sequence[Parameter], *, is_device: bool, place: Place) -> None:
    """Check what concerns several parameters, and what a catalog's values cannot get wrong one by one."""
    for kind in ("name", "id"):
        seen: dict[Any, str] = {}
        for param in params:
            value = getattr(param, kind)
            if value in seen:
                here = place._replace(param=param.name, key=kind)
                here.refuse(f"a {kind} of its own: the parameter {seen[value]!r} has {value!r} too")
            seen[value] = param.name
    for param in params:
        here = place._replace(param=param.name)
        _check_parameter_name(here._replace(key="name"), param.name)
        check_ctype(here._replace(key="type"), param.ctype)
        if is_device and not _is_integer(param.id, PARAMETERS_MAXIMUM - 1):
            here._replace(key="id").refuse(f"an id from 0 to {PARAMETERS_MAXIMUM - 1} on a Smart Device", param.id)
        if not param.lower <= param.upper:
            here._replace(key="lower").refuse(f"no more than the upper limit {param.upper!r}", param.lower)
        if not (param.readable or param.writeable):
            here._replace(key="readable").refuse("a parameter that is readable, writeable or both")
