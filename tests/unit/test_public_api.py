"""The public names: what programs outside this repository import and catch."""

from __future__ import annotations

import errno
import importlib
import importlib.metadata
import inspect
import os
import pickle
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

import memlane
from memlane import settings

if TYPE_CHECKING:
    from pathlib import Path

BUILTIN_OF_ERROR = {
    "AccessDenied": PermissionError,
    "AlreadyLocked": RuntimeError,
    "CallCancelled": RuntimeError,
    "Closed": ValueError,
    "Corrupted": ValueError,
    "DeviceBufferError": RuntimeError,
    "Empty": LookupError,
    "EncodingError": pickle.PicklingError,
    "EndpointBusy": RuntimeError,
    "InvalidArgument": ValueError,
    "InvalidName": ValueError,
    "KindMismatch": TypeError,
    "LayoutMismatch": ValueError,
    "MessageError": ValueError,
    "MissingDependency": ImportError,
    "NoFreeSlot": RuntimeError,
    "NoResponse": LookupError,
    "NoServer": ConnectionRefusedError,
    "NoSpace": OSError,
    "OOMError": MemoryError,
    "ObjectNotFound": FileNotFoundError,
    "OperationFailedError": RuntimeError,
    "OppositeEndClosedError": BrokenPipeError,
    "OppositeEndDiedError": BrokenPipeError,
    "OwnershipLost": RuntimeError,
    "ReadAccessError": PermissionError,
    "ParameterTypeError": TypeError,
    "PeerDied": ConnectionError,
    "RemoteError": RuntimeError,
    "SchemaMismatch": ValueError,
    "SizeMismatch": ValueError,
    "SyncError": RuntimeError,
    "SystemFailure": OSError,
    "Timeout": TimeoutError,
    "TooManyParticipants": RuntimeError,
    "TooManyViews": RuntimeError,
    "UnsafeNamespace": PermissionError,
    "UnsafePickle": pickle.UnpicklingError,
    "UnsupportedNamespace": OSError,
    "ValueTooLarge": ValueError,
    "WriteAccessError": PermissionError,
    "WouldDeadlock": RuntimeError,
}

BASES = {"Error", "RuntimeBaseException"}
OTHER_NAMES = {
    "CHAN_R",
    "CHAN_W",
    "Channel",
    "ChannelStatistics",
    "ChannelStatus",
    "Error",
    "Field",
    "FunctionStatistics",
    "HostFunctionCaller",
    "HostFunctionDispatcher",
    "HostVariable",
    "LOG_ALL",
    "LOG_BASIC",
    "LOG_DISABLE",
    "MapStatistics",
    "NumpyShare",
    "PendingCall",
    "RWSharedMMap",
    "Reading",
    "RemoteTraceback",
    "RuntimeBaseException",
    "ShareStatistics",
    "SharedAssign",
    "SharedMMap",
    "SmipcError",
    "UnsafeSharedMMap",
    "VariableStatistics",
    "__version__",
    "clean_library",
    "collect",
    "init_library",
    "open_channel",
    "unlink",
    "wait",
}


def test_public_names_are_exactly_the_documented_ones() -> None:
    """A name that slips in is kept for ever; one that slips out breaks programs."""
    assert set(memlane.__all__) == BUILTIN_OF_ERROR.keys() | OTHER_NAMES
    assert len(memlane.__all__) == len(set(memlane.__all__))


def test_every_public_name_can_be_imported() -> None:
    """``from memlane import *`` must not fail."""
    assert [name for name in memlane.__all__ if not hasattr(memlane, name)] == []


@pytest.mark.parametrize(("name", "builtin"), sorted(BUILTIN_OF_ERROR.items()))
def test_error_is_caught_by_its_base_and_by_the_builtin_that_fits(name: str, builtin: type[Exception]) -> None:
    """Callers who know nothing of memlane catch what they always catch."""
    error = getattr(memlane, name)

    assert issubclass(error, memlane.Error)
    assert issubclass(error, builtin)


def test_every_error_class_is_public() -> None:
    """An error that cannot be named cannot be caught."""
    module = importlib.import_module("memlane.errors")
    defined = {name for name, item in inspect.getmembers(module, inspect.isclass) if item.__module__ == module.__name__}

    assert {name for name in defined if not name.startswith("_")} == BUILTIN_OF_ERROR.keys() | BASES


def test_encoding_error_is_a_type_error_too() -> None:
    """`pickle` raises either for a value that it cannot take, and programs catch either."""
    assert issubclass(memlane.EncodingError, TypeError)


@pytest.mark.parametrize("name", sorted(BUILTIN_OF_ERROR))
def test_error_survives_pickling(name: str) -> None:
    """Errors travel from worker processes to their parents as pickles."""
    number = [errno.EBUSY] if name == "SyncError" else []
    error = getattr(memlane, name)("what was asked, what is there, what to do", *number)

    copy = pickle.loads(pickle.dumps(error))

    assert (type(copy), copy.args) == (type(error), error.args)


def modules_loaded_by(statement: str) -> set[str]:
    """Return what a statement brings into an interpreter that ran nothing else."""
    program = f"import sys; before = set(sys.modules); {statement}; print(*(set(sys.modules) - before))"
    return set(
        subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True).stdout.split()
    )


def test_import_loads_no_capability_before_it_is_used() -> None:
    """Importing memlane has 25 ms, however many capabilities it will have."""
    loaded = modules_loaded_by("import memlane")

    assert {name for name in loaded if name.startswith("memlane")} == {"memlane"}
    assert "typing" not in loaded


def test_variable_loads_neither_numpy_nor_pickle() -> None:
    """The first use of a variable is part of a program's start; each of these takes a third of 25 ms or more."""
    loaded = modules_loaded_by("from memlane import HostVariable")

    assert "memlane.variable" in loaded
    assert loaded & {"numpy", "pickle", "ctypes", "multiprocessing", "asyncio"} == set()


def test_version_is_that_of_what_is_installed() -> None:
    """Programs compare it, and people report it."""
    assert memlane.__version__ == importlib.metadata.version("memlane")


def test_every_capability_has_the_public_names_that_are_looked_for_there() -> None:
    """The table of what is loaded when must not promise what a module lacks."""
    homes = {name: home for home, names in memlane._CAPABILITIES.items() for name in names}

    assert homes.keys() == OTHER_NAMES - BASES
    assert [name for name, home in homes.items() if not hasattr(importlib.import_module(home), name)] == []


def test_names_show_before_they_are_used() -> None:
    """People find what there is by ``dir(memlane)`` and by the Tab key."""
    program = "import memlane; print(*set(memlane.__all__) - set(dir(memlane)))"

    assert subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True).stdout == "\n"


def test_unknown_name_is_an_attribute_error() -> None:
    """A module that answers for its names must still refuse others, with the usual words."""
    with pytest.raises(AttributeError, match=r"^module 'memlane' has no attribute 'HostVariabel'$"):
        _ = memlane.HostVariabel  # type: ignore[attr-defined]


def test_import_touches_no_directory(tmp_path: Path) -> None:
    """Nothing happens on import: a program may only want to know the version."""
    directory = tmp_path / "untouched"

    subprocess.run(
        [sys.executable, "-c", "import memlane"], check=True, env={**os.environ, "MEMLANE_DIR": str(directory)}
    )

    assert not directory.exists()


def test_signature_shows_the_documented_defaults() -> None:
    """`help(HostVariable)` is the first thing that people read."""
    parameters = inspect.signature(memlane.HostVariable).parameters

    assert list(parameters)[:3] == ["name", "max_size", "data_format"]
    assert (parameters["max_size"].default, parameters["slots"].default) == (4096, 14)
    assert all(
        parameter.kind is inspect.Parameter.KEYWORD_ONLY
        for name, parameter in parameters.items()
        if name not in {"name", "max_size", "data_format"}
    )


def test_default_argument_behaves_as_the_integer_that_it_stands_for() -> None:
    """Programs pass the defaults on, compute with them and show them."""
    assert isinstance(settings.MAX_SIZE, int)
    assert settings.MAX_SIZE == 4096
    assert repr(settings.MAX_SIZE) == "4096"
    assert settings.MAX_SIZE * 2 == 8192


def test_host_variable_cannot_be_subclassed_by_mistake_of_a_type_checker() -> None:
    """The class is marked final: what it promises cannot be overridden half."""
    assert memlane.HostVariable.__final__  # type: ignore[attr-defined]
