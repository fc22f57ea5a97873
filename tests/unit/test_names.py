"""Names of objects: what is one, and how it looks in the directory."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import memlane
from memlane import HostVariable, InvalidName

if TYPE_CHECKING:
    from pathlib import Path

SIZE = 64


def open_small(name: str | bytes) -> HostVariable:
    """Open or create a variable that takes little memory."""
    return HostVariable(name, SIZE, slots=2, max_participants=8)


@pytest.mark.parametrize("name", ["pose", "a", "camera.left", "with-dash_and.dot", "UPPER", "7"])
def test_plain_name_is_the_name_of_its_file(namespace: Path, name: str) -> None:
    """People look into the directory with ``ls``."""
    with open_small(name):
        files = [path.name for path in namespace.iterdir()]

    assert files == [name]


@pytest.mark.parametrize(
    ("name", "file"),
    [
        ("two words", "two%20words"),
        ("100%", "100%25"),
        ("größe", "gr%C3%B6%C3%9Fe"),
        ("line\nbreak", "line%0Abreak"),
        ("\x7f", "%7F"),
        ("a:b", "a%3Ab"),
        ("雪", "%E9%9B%AA"),
    ],
)
def test_other_bytes_are_percent_encoded_on_disk(namespace: Path, name: str, file: str) -> None:
    """No name can write control characters to the terminal of whoever lists the directory."""
    with open_small(name) as variable:
        files = [path.name for path in namespace.iterdir()]

    assert files == [file]
    assert variable.name == name


@pytest.mark.parametrize("name", [np.str_("pose"), np.bytes_(b"pose")], ids=["str", "bytes"])
def test_name_derived_from_text_or_bytes_is_one(namespace: Path, name: str | bytes) -> None:
    """Names come out of arrays, too."""
    with open_small(name) as variable:
        assert variable.name == "pose"


def test_bytes_and_text_name_the_same_object(namespace: Path) -> None:
    """C programs and Python 2 have bytes."""
    with open_small("größe") as by_text, open_small("größe".encode()) as by_bytes:
        by_text.data = 1

        assert by_bytes.data == 1
        assert by_bytes.name == "größe"


def test_one_leading_slash_is_ignored(namespace: Path) -> None:
    """Programs made for POSIX shared memory write one."""
    with open_small("/pose") as with_slash, open_small("pose") as without, open_small(b"/pose") as bytes_with_slash:
        without.data = 1

        assert (with_slash.data, bytes_with_slash.data) == (1, 1)
        assert with_slash.name == "pose"


def test_names_differ_by_case(namespace: Path) -> None:
    """Two names are never folded into one object."""
    with open_small("pose") as lower, open_small("Pose") as upper:
        lower.data = 1

        assert upper.version == 0


def test_name_of_200_bytes_is_accepted_with_and_without_slash(namespace: Path) -> None:
    """The limit is exact, and the slash does not count."""
    with open_small("x" * 200) as variable, open_small("/" + "x" * 200) as same:
        variable.data = 1

        assert same.data == 1


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("", r"the name '' \(0 bytes\) is empty"),
        ("/", r"the name '' \(0 bytes\) is empty"),
        ("x" * 201, r"\(201 bytes\) is too long"),
        ("é" * 101, r"\(202 bytes\) is too long"),
        ("a/b", r"the name 'a/b' \(3 bytes\) contains a '/'"),
        ("//a", r"the name '/a' \(2 bytes\) contains a '/'"),
        ("a/", r"contains a '/'"),
        ("a\0b", r"contains a NUL"),
        (".", r"the name '\.' \(1 bytes\) begins with a '\.'"),
        ("..", r"begins with a '\.'"),
        (".hidden", r"begins with a '\.'"),
        ("/.hidden", r"begins with a '\.'"),
        (b"\xff\xfe", r"is not UTF-8"),
        (b"\xed\xa0\x80", r"is not UTF-8"),
        (b"\xc0\xaf", r"is not UTF-8"),
        (b"a\xe2\x82", r"is not UTF-8"),
        (b"\xf4\x90\x80\x80", r"is not UTF-8"),
    ],
)
def test_impossible_name_is_refused_with_the_reason_and_the_rules(
    namespace: Path, name: str | bytes, reason: str
) -> None:
    """Whoever chose the name learns what is wrong with it and which names are possible."""
    with pytest.raises(InvalidName, match=reason) as caught:
        open_small(name)

    assert "1 to 200 bytes of UTF-8 without NUL and without '/'" in str(caught.value)
    assert list(namespace.iterdir()) == []


def test_text_without_utf_8_form_is_an_invalid_name(namespace: Path) -> None:
    """Lone surrogates come from undecodable file names; they are no text."""
    with pytest.raises(InvalidName, match=r"the name 'a\\ud800' has no UTF-8 form .*: use other characters"):
        open_small("a\ud800")


def test_name_whose_file_name_would_be_too_long_is_refused(namespace: Path) -> None:
    """Each special byte takes three on disk, and a file name has 255."""
    with open_small("é" * 42):
        pass

    with pytest.raises(InvalidName, match=r"does not fit a file name of 255 bytes once .* %XX: use fewer of them"):
        open_small("é" * 43)


@pytest.mark.parametrize("name", [None, 7, ["pose"], bytearray(b"pose")])
def test_name_of_another_type_is_a_type_error(namespace: Path, name: object) -> None:
    """A mistaken argument is not an impossible name."""
    with pytest.raises(TypeError, match=f"a name is str or bytes, not {type(name).__name__}"):
        HostVariable(name)  # type: ignore[arg-type]


@pytest.mark.parametrize("name", ["", "a/b", ".participants"])
def test_unlink_refuses_impossible_names_too(namespace: Path, name: str) -> None:
    """`unlink` must not be a way out of the directory, nor to memlane's own files."""
    with pytest.raises(InvalidName, match="a name is 1 to 200 bytes"):
        memlane.unlink(name)


NAMES = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="/\0"), min_size=1, max_size=60)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(name=NAMES)
def test_any_text_is_either_refused_or_found_again_under_the_same_name(namespace: Path, name: str) -> None:
    """No name is silently changed into another one."""
    if name.startswith(".") or sum(1 if byte < 128 and chr(byte).isalnum() else 3 for byte in name.encode()) > 250:
        return

    with open_small(name) as variable:
        files = list(namespace.iterdir())
        again = variable.name
    memlane.unlink(name)

    assert again == name
    assert len(files) == 1
    assert list(namespace.iterdir()) == []
