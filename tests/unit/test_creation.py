"""Creating, opening, and comparing what was asked for with what is there."""

from __future__ import annotations

import errno
import os
import shutil
import stat
from typing import TYPE_CHECKING, Any

import pytest

import memlane
from memlane import HostVariable
from memlane.buffer import NullDevice

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def test_first_opening_creates_and_the_second_finds_it(namespace: Path) -> None:
    """There is no server and no agreement about who comes first."""
    with HostVariable("pose") as first:
        first.data = "mine"

        with HostVariable("pose") as second:
            assert second.data == "mine"


def test_documented_sizes_apply_to_a_new_object(variable: HostVariable) -> None:
    """The defaults are part of the signature that other programs rely on."""
    assert "14 slots of 4096 bytes" in repr(variable)


def test_missing_object_is_not_created_with_create_false(namespace: Path) -> None:
    """A reader that came too early must not make an object of the wrong size."""
    with pytest.raises(memlane.ObjectNotFound) as caught:
        HostVariable("pose", create=False)

    assert caught.value.errno == errno.ENOENT
    assert f"there is no variable 'pose' in '{namespace}' and create=False was asked for" in str(caught.value)
    assert "start the program that creates it, or check MEMLANE_DIR" in str(caught.value)
    assert list(namespace.iterdir()) == []


def serve(*, mode: int = 0o600, peer_uid: int | None = None, max_participants: int = 128) -> None:
    """Add a function to a dispatcher."""
    with memlane.HostFunctionDispatcher(mode=mode, peer_uid=peer_uid) as dispatcher:
        dispatcher.add("it", len, max_participants=max_participants)


def test_missing_directory_is_not_made_with_create_false(namespace: Path) -> None:
    """Who only looks leaves nothing behind: a monitor may look before the robot runs, and as another user."""
    missing = namespace / "robot"

    with pytest.raises(
        memlane.ObjectNotFound, match=f"there is no variable 'pose' in '{missing}' and create=False was asked for"
    ):
        HostVariable("pose", create=False, directory=missing)

    assert not missing.exists()


@pytest.mark.parametrize("persistent", [True, False])
def test_directory_that_was_removed_stays_so(namespace: Path, *, persistent: bool) -> None:
    """An end cleans up, it does not make a place anew that somebody cleared away."""
    directory = namespace / "robot"
    variable = HostVariable("pose", persistent=persistent, directory=directory)
    shutil.rmtree(directory)

    assert not variable.is_current
    variable.close()

    assert not directory.exists()


OPENERS: dict[str, Callable[..., Any]] = {
    "variable": lambda mode=0o600, **options: HostVariable("it", mode=mode, **options),
    "share": lambda mode=0o600, **options: memlane.SharedAssign("it", mode="put", permissions=mode, **options),
    "map": lambda mode=0o600, **options: memlane.SharedMMap("it", 100, mode=mode, **options),
    "channel": lambda mode=0o600, **options: memlane.open_channel("it", memlane.CHAN_R, file_mode=mode, **options),
    "caller": lambda mode=0o600, **options: memlane.HostFunctionCaller("it", mode=mode, **options),
    "dispatcher": serve,
    "buffer": lambda mode=0o600, **options: NullDevice.open("it", mode=mode, **options),
    "unlink": lambda mode=0o600, **options: memlane.unlink("it", mode=mode, **options),
    "collect": lambda mode=0o600, **options: memlane.collect(mode=mode, **options),
}


@pytest.mark.parametrize(
    ("asked", "kind", "text"),
    [
        ({"mode": -1}, ValueError, "the file mode -1 does not exist"),
        ({"mode": 1 << 70}, ValueError, f"the file mode {1 << 70} does not exist"),
        ({"mode": 384.5}, TypeError, "the file mode 384.5 is float: give a whole number"),
        ({"peer_uid": -2}, ValueError, "the user -2 does not exist"),
        ({"peer_uid": 1 << 40}, ValueError, f"the user {1 << 40} does not exist"),
        ({"peer_uid": 1000.5}, TypeError, "the user 1000.5 is float: give a whole number"),
    ],
)
@pytest.mark.parametrize("opener", OPENERS)
def test_mode_and_user_that_are_none_are_refused_and_not_rounded(
    namespace: Path, opener: str, asked: dict[str, Any], kind: type[Exception], text: str
) -> None:
    """They say who else may come in: half of a number would let in somebody."""
    with pytest.raises(kind, match=f"^{text}"):
        OPENERS[opener](**asked)

    assert list(namespace.iterdir()) == []


@pytest.mark.parametrize("opener", sorted(OPENERS.keys() - {"unlink", "collect"}))
@pytest.mark.parametrize("value", [8.5, "8"])
def test_number_of_places_that_is_no_whole_number_is_named(namespace: Path, opener: str, value: object) -> None:
    """Text from a configuration file is not a number."""
    with pytest.raises(TypeError, match=f"^max_participants={value!r} is {type(value).__name__}: give a whole number"):
        OPENERS[opener](max_participants=value)


@pytest.mark.parametrize("opener", sorted(OPENERS.keys() - {"unlink", "collect"}))
def test_negative_number_of_places_is_named(namespace: Path, opener: str) -> None:
    """The message says which argument, not what C cannot hold."""
    with pytest.raises(ValueError, match="'it': max_participants=-1 is not positive"):
        OPENERS[opener](max_participants=-1)


def test_existing_object_is_opened_with_create_false(variable: HostVariable) -> None:
    """``create=False`` means: only open."""
    variable.data = 1

    with HostVariable("pose", create=False) as reader:
        assert reader.data == 1


@pytest.mark.parametrize(
    ("asked", "text"),
    [
        ({"max_size": 8192}, "max_size=8192 was asked for, the object has max_size=4096"),
        ({"max_size": 4095}, "max_size=4095 was asked for, the object has max_size=4096"),
        ({"slots": 3}, "slots=3 was asked for, the object has slots=14"),
        ({"max_participants": 9}, "max_participants=9 was asked for, the object has max_participants=128"),
    ],
)
def test_different_size_is_refused_with_both_sizes(variable: HostVariable, asked: dict[str, Any], text: str) -> None:
    """Neither side may believe in a size that the other does not have."""
    variable.data = "stays"

    with pytest.raises(memlane.SizeMismatch) as caught:
        HostVariable("pose", **asked)

    assert f"variable 'pose': {text}" in str(caught.value)
    assert "ask for the same, leave it out to adopt what is there, or memlane.unlink() it" in str(caught.value)
    assert variable.data == "stays"


@pytest.mark.parametrize(
    ("asked", "text"),
    [
        ({"protocol": 2}, "protocol=2 was asked for, the object has protocol=5"),
        ({"persistent": False}, "persistent=False was asked for, the object has persistent=True"),
    ],
)
def test_different_property_is_a_schema_mismatch_in_the_words_of_the_caller(
    variable: HostVariable, asked: dict[str, Any], text: str
) -> None:
    """An error names the argument as it was written, or the reader looks for one that does not exist."""
    with pytest.raises(memlane.SchemaMismatch) as caught:
        HostVariable("pose", **asked)

    assert f"variable 'pose': {text}" in str(caught.value)


def test_same_sizes_are_accepted(variable: HostVariable) -> None:
    """Every program of a system may state what it relies on."""
    variable.data = 1

    with HostVariable("pose", 4096, slots=14, max_participants=128, protocol=5, persistent=True) as other:
        assert other.data == 1


def test_sizes_that_were_not_given_adopt_what_is_there(namespace: Path) -> None:
    """Only the creator has to know how large things are."""
    with HostVariable("image", 100_000, slots=3, max_participants=5, protocol=2, persistent=False) as creator:
        creator.data = bytes(100_000 - 64)

        with HostVariable("image") as reader:
            assert len(reader.data) == 100_000 - 64
            assert "3 slots of 100000 bytes" in repr(reader)


def test_default_that_was_given_explicitly_must_agree(namespace: Path) -> None:
    """4096 written down is a statement, 4096 by default is none."""
    with HostVariable("image", 100_000), pytest.raises(memlane.SizeMismatch, match="max_size=4096 was asked for"):
        HostVariable("image", 4096)


@pytest.mark.parametrize("argument", ["max_size", "slots", "max_participants"])
@pytest.mark.parametrize("value", [0, -1])
def test_size_below_one_is_a_value_error_that_names_it(namespace: Path, argument: str, value: int) -> None:
    """A size from a configuration file is wrong sooner or later."""
    with pytest.raises(ValueError, match=rf"variable 'pose': {argument}={value} is not positive"):
        HostVariable("pose", **{argument: value})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("asked", "text"),
    [
        ({"slots": 1}, "slots=1 is not between 2 and 65535"),
        ({"slots": 65536}, "slots=65536 is not between 2 and 65535"),
        ({"max_participants": 1025}, "max_participants=1025 is not between 1 and 1024"),
        ({"max_size": 2**38 + 1}, "max_size=274877906945 is not between 1 and 274877906944 bytes"),
    ],
)
def test_size_that_no_object_can_have_is_refused_with_the_limits(
    namespace: Path, asked: dict[str, Any], text: str
) -> None:
    """The limits stand in the error, not only in a manual."""
    with pytest.raises(memlane.InvalidArgument, match=f"variable 'pose': {text}"):
        HostVariable("pose", **asked)


@pytest.mark.parametrize("value", [2**63, 2**64 - 1, 2**64, 2**70])
@pytest.mark.parametrize("argument", ["max_size", "slots", "max_participants"])
def test_size_beyond_the_machine_is_a_specific_error_too(namespace: Path, argument: str, value: int) -> None:
    """A number that C cannot hold must neither wrap around nor be taken for a default."""
    with pytest.raises((memlane.InvalidArgument, OverflowError)):
        HostVariable("pose", **{argument: value})  # type: ignore[arg-type]

    assert list(namespace.iterdir()) == []


@pytest.mark.parametrize("value", ["4096", 4096.5, None])
def test_size_of_another_type_is_a_type_error(namespace: Path, value: object) -> None:
    """Text from a configuration file is not a number."""
    with pytest.raises(TypeError, match="max_size=.* is .*: give a whole number"):
        HostVariable("pose", value)  # type: ignore[arg-type]


@pytest.mark.parametrize("protocol", [-1, 6])
def test_unknown_pickle_protocol_is_refused(namespace: Path, protocol: int) -> None:
    """Found at creation, not when the first value is written."""
    with pytest.raises(ValueError, match=f"protocol={protocol} is no pickle protocol from 0 to 5"):
        HostVariable("pose", protocol=protocol)


def test_smallest_object_works(namespace: Path) -> None:
    """Two slots, one endpoint: one value is read while the next is written."""
    with HostVariable("flag", 16, slots=2, max_participants=1) as variable:
        variable.data = True
        variable.data = False

        assert variable.data is False
        assert variable.version == 2


def test_namespace_directory_is_made_private(namespace: Path) -> None:
    """The first program to come makes the directory; nobody else gets in."""
    directory = namespace / "new"

    with HostVariable("pose", directory=directory):
        status = directory.stat()

    assert stat.S_IMODE(status.st_mode) == 0o700
    assert status.st_uid == os.geteuid()


@pytest.mark.parametrize("umask", [0o000, 0o777])
def test_file_mode_does_not_depend_on_the_umask(namespace: Path, umask: int) -> None:
    """A strange umask must neither open the object to others nor lock its owner out."""
    former = os.umask(umask)
    try:
        with HostVariable("pose", directory=namespace):
            mode = stat.S_IMODE((namespace / "pose").stat().st_mode)
    finally:
        os.umask(former)

    assert mode == 0o600


def test_requested_mode_is_the_mode_of_the_file(namespace: Path) -> None:
    """Sharing with a group is asked for explicitly, and then it works."""
    with HostVariable("pose", mode=0o660):
        assert stat.S_IMODE((namespace / "pose").stat().st_mode) == 0o660


def test_directory_argument_goes_before_the_environment(namespace: Path) -> None:
    """One program can take part in two namespaces."""
    other = namespace / "other"

    with HostVariable("pose") as here, HostVariable("pose", directory=other) as there:
        here.data = 1

        assert there.version == 0


def test_directory_may_be_text_or_path_and_relative(namespace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An endpoint keeps its directory when the program changes its own."""
    monkeypatch.chdir(namespace)
    with (
        HostVariable("pose", directory="other") as relative,
        HostVariable("pose", directory=namespace / "other") as path,
    ):
        monkeypatch.chdir("/")
        relative.data = 1

        assert path.data == 1
        assert relative.is_current


def test_memory_is_reserved_when_the_object_is_made(namespace: Path) -> None:
    """A full memory is an error at creation, never a SIGBUS later."""
    with HostVariable("image", 1 << 20, slots=4):
        status = (namespace / "image").stat()

    assert status.st_blocks * 512 >= status.st_size >= 4 << 20


def test_endpoint_can_not_be_opened_twice(variable: HostVariable) -> None:
    """Calling the constructor again on a live endpoint would leak the first one."""
    with pytest.raises(RuntimeError, match="an endpoint is opened once"):
        variable.__init__("other")

    variable.data = 1
    assert variable.name == "pose"
