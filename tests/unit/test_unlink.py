"""Names and lifetimes: unlinking, re-creating, and objects that go with their last user."""

from __future__ import annotations

import errno
from typing import TYPE_CHECKING

import pytest

import memlane
from memlane import HostVariable

if TYPE_CHECKING:
    from pathlib import Path


def test_unlink_removes_the_name_and_endpoints_go_on(variable: HostVariable, namespace: Path) -> None:
    """Removing a name must not break the programs that still use the object."""
    variable.data = "before"
    with HostVariable("pose") as other:
        memlane.unlink("pose")

        other.data = "after"

        assert variable.data == "after"
    assert list(namespace.iterdir()) == []


def test_unlink_of_a_missing_name_says_so(namespace: Path) -> None:
    """A script that cleans up learns that there was nothing."""
    with pytest.raises(memlane.ObjectNotFound) as caught:
        memlane.unlink("pose")

    assert caught.value.errno == errno.ENOENT
    assert f"there is no object 'pose' in '{namespace}' to unlink" in str(caught.value)


@pytest.mark.parametrize("name", ["/pose", b"pose", b"/pose"])
def test_unlink_takes_every_spelling_of_the_name(variable: HostVariable, namespace: Path, name: str | bytes) -> None:
    """The same names as the constructor."""
    memlane.unlink(name)

    assert list(namespace.iterdir()) == []


def test_unlink_in_another_directory(namespace: Path) -> None:
    """Tools clean namespaces that are not their own."""
    with HostVariable("pose", directory=namespace / "other"):
        memlane.unlink("pose", directory=namespace / "other")

    assert list((namespace / "other").iterdir()) == []


def test_method_removes_the_name_of_this_object(variable: HostVariable, namespace: Path) -> None:
    """The endpoint knows where it lies."""
    variable.unlink()

    assert list(namespace.iterdir()) == []
    variable.data = 1
    assert variable.data == 1


def test_method_refuses_to_remove_the_name_of_another_object(variable: HostVariable, namespace: Path) -> None:
    """An old program must not remove what a new one made under the same name."""
    memlane.unlink("pose")
    with HostVariable("pose") as recreated:
        recreated.data = "new"

        with pytest.raises(
            memlane.ObjectNotFound, match="its name was removed already, or leads to another object by now"
        ):
            variable.unlink()

        assert recreated.is_current
    assert [path.name for path in namespace.iterdir()] == ["pose"]


def test_unlink_by_a_closed_endpoint_is_refused(variable: HostVariable, namespace: Path) -> None:
    """After close every operation raises Closed."""
    variable.close()

    with pytest.raises(memlane.Closed):
        variable.unlink()

    assert [path.name for path in namespace.iterdir()] == ["pose"]


def test_endpoint_knows_that_its_object_lost_its_name(variable: HostVariable) -> None:
    """D15: nothing binds anew silently; whoever wants to know can see it."""
    before = (variable.is_current, variable.stats().is_current)

    memlane.unlink("pose")

    assert before == (True, True)
    assert (variable.is_current, variable.stats().is_current) == (False, False)
    assert "no longer under its name" in repr(variable)


def test_endpoint_stays_on_the_old_object_when_the_name_is_made_anew(variable: HostVariable) -> None:
    """D15: half of a system must not wander to another object."""
    variable.data = "old"
    memlane.unlink("pose")

    with HostVariable("pose", 100, slots=3) as recreated:
        recreated.data = "new"

        assert (variable.data, recreated.data) == ("old", "new")
        assert (variable.is_current, recreated.is_current) == (False, True)


def test_recreated_object_may_have_other_sizes(variable: HostVariable) -> None:
    """The way out that SizeMismatch names works."""
    with pytest.raises(memlane.SizeMismatch):
        HostVariable("pose", 8192)

    memlane.unlink("pose")

    with HostVariable("pose", 8192) as larger:
        larger.data = bytes(8000)
        assert len(larger.data) == 8000


def test_is_current_ignores_a_file_of_the_same_name_that_is_no_object(variable: HostVariable, namespace: Path) -> None:
    """The name counts only together with the object behind it."""
    memlane.unlink("pose")
    (namespace / "pose").write_bytes(b"")

    assert not variable.is_current


def test_last_close_removes_an_object_that_is_not_persistent(namespace: Path) -> None:
    """Temporary objects leave nothing behind."""
    first = HostVariable("scratch", persistent=False)
    second = HostVariable("scratch")
    first.close()
    between = [path.name for path in namespace.iterdir()]

    second.close()

    assert between == ["scratch"]
    assert list(namespace.iterdir()) == []


def test_view_of_a_closed_endpoint_keeps_a_temporary_object(namespace: Path) -> None:
    """Nothing is taken away from under a view."""
    scratch = HostVariable("scratch", persistent=False)
    scratch.data = b"kept"
    view = scratch.view()
    scratch.close()

    assert bytes(view) == b"kept"
    del view
    assert list(namespace.iterdir()) == []


def test_temporary_object_begins_empty_each_time(namespace: Path) -> None:
    """What the former users left is gone with them."""
    with HostVariable("scratch", persistent=False) as first:
        first.data = "old"

    with HostVariable("scratch", persistent=False) as second:
        assert second.get("empty") == "empty"


def test_closing_an_old_endpoint_leaves_a_recreated_temporary_object_alone(namespace: Path) -> None:
    """The last user of the old object must not remove the new one."""
    old = HostVariable("scratch", persistent=False)
    memlane.unlink("scratch")
    with HostVariable("scratch", persistent=False) as new:
        new.data = 1

        old.close()

        assert new.is_current
        with HostVariable("scratch", create=False) as again:
            assert again.data == 1


def test_persistence_that_was_not_given_adopts_what_is_there(namespace: Path) -> None:
    """A second user need not know how the object was made."""
    with HostVariable("scratch", persistent=False), HostVariable("scratch") as second:
        second.data = 1

    assert list(namespace.iterdir()) == []


def test_collect_leaves_alone_what_is_used_or_persistent(variable: HostVariable, namespace: Path) -> None:
    """Cleaning up must be safe at any time."""
    with HostVariable("scratch", persistent=False):
        removed = memlane.collect()

        assert removed == 0
        assert sorted(path.name for path in namespace.iterdir()) == ["pose", "scratch"]
    variable.close()
    assert memlane.collect() == 0
    assert [path.name for path in namespace.iterdir()] == ["pose"]


def test_collect_leaves_foreign_files_alone(namespace: Path) -> None:
    """A directory may hold what is not memlane's."""
    (namespace / "notes.txt").write_text("mine")
    (namespace / "not%2xa%name").write_text("mine")
    (namespace / "folder").mkdir()

    assert memlane.collect() == 0

    assert sorted(path.name for path in namespace.iterdir()) == ["folder", "not%2xa%name", "notes.txt"]


def test_collect_of_a_directory_that_does_not_exist_removes_nothing(namespace: Path) -> None:
    """The first command that somebody tries after the installation."""
    assert memlane.collect(directory=namespace / "new") == 0

    assert list(namespace.iterdir()) == []


def test_unlink_in_a_directory_that_does_not_exist_says_so(namespace: Path) -> None:
    """A mistyped directory is not there afterwards either."""
    with pytest.raises(memlane.ObjectNotFound, match=r"there is no namespace directory '.*/new'"):
        memlane.unlink("pose", directory=namespace / "new")

    assert list(namespace.iterdir()) == []
