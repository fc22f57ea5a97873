"""Namespace directories that cannot be used, or must not be: each is refused with its own reason."""

from __future__ import annotations

import errno
import os
import shutil
from typing import TYPE_CHECKING

import pytest

import memlane
from memlane import HostVariable
from memlane.buffer import BufferStore
from tests.children import answer_of_child
from tests.namespaces import answer_of_isolated_child, call_system, mount, unshare_mounts
from tests.peer import Link, Peer
from tests.unit.test_buffer import Plain

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

NOBODY = 65534
EFFECTIVE = 64999  # nobody's on any system

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can become other users")


@pytest.fixture
def reachable(namespace: Path) -> Iterator[Path]:
    """Give a namespace to which every user finds the way."""
    for directory in (namespace, namespace.parent):
        directory.chmod(0o755)
    yield namespace
    namespace.parent.chmod(0o700)


def error_of(function: Callable[[], object]) -> tuple[str, int | None, str]:
    """Run a function and return class, errno and text of the error that memlane raises."""
    try:
        function()
    except memlane.Error as error:
        return type(error).__name__, getattr(error, "errno", None), str(error)
    return "no error", None, ""


def error_as_nobody(function: Callable[[], object]) -> tuple[str, int | None, str]:
    """Run a function as a user without any rights, in a child."""

    def run() -> tuple[str, int | None, str]:
        os.setgroups([])
        os.setgid(NOBODY)
        os.setuid(NOBODY)
        return error_of(function)

    answer: tuple[str, int | None, str] = answer_of_child(run)
    return answer


@pytest.mark.parametrize("mode", [0o720, 0o702, 0o777, 0o1777, 0o770])
def test_directory_that_others_can_write_is_refused_with_its_mode(namespace: Path, mode: int) -> None:
    """Whoever can write to it can put another object in place of ours."""
    namespace.chmod(mode)

    kind, number, text = error_of(lambda: HostVariable("pose"))

    assert (kind, number) == ("UnsafeNamespace", errno.EPERM)
    assert f"the namespace directory '{namespace}' has mode {mode & 0o777:03o}" in text
    assert "so that others could replace its objects: chmod go-w it" in text
    namespace.chmod(0o700)
    assert list(namespace.iterdir()) == []


@pytest.mark.parametrize("mode", [0o755, 0o711, 0o750])
def test_directory_that_others_can_only_read_is_accepted_when_it_was_named(namespace: Path, mode: int) -> None:
    """The files have modes of their own."""
    namespace.chmod(mode)

    with HostVariable("pose") as variable:
        variable.data = 1


def test_shared_directory_is_accepted_with_the_mode_that_was_asked_for(namespace: Path) -> None:
    """Rule 2: explicitly named, and it carries the mode that the user asked for."""
    namespace.chmod(0o770)

    with HostVariable("pose", mode=0o660) as variable:
        variable.data = 1

        assert variable.data == 1
        assert variable.is_current
    memlane.unlink("pose", mode=0o660)


@as_root
def test_directory_of_somebody_else_is_refused_with_both_users(namespace: Path) -> None:
    """Its owner could replace every object in it."""
    os.chown(namespace, NOBODY, NOBODY)

    kind, _number, text = error_of(lambda: HostVariable("pose"))

    assert kind == "UnsafeNamespace"
    assert f"the namespace directory '{namespace}' belongs to user {NOBODY}, not to user 0" in text
    assert "remove it, or name another directory in MEMLANE_DIR" in text


@as_root
def test_directory_of_a_trusted_peer_is_accepted(namespace: Path) -> None:
    """``peer_uid=`` says whom to trust."""
    os.chown(namespace, NOBODY, NOBODY)

    with HostVariable("pose", peer_uid=NOBODY) as variable:
        variable.data = 1


@pytest.mark.parametrize("target", ["directory", "nothing", "file"])
def test_symbolic_link_in_place_of_the_directory_is_refused(namespace: Path, target: str) -> None:
    """Somebody could lead it elsewhere, later."""
    (namespace / "directory").mkdir(0o700)
    (namespace / "file").touch()
    link = namespace / "link"
    link.symlink_to(namespace / target)

    kind, _number, text = error_of(lambda: HostVariable("pose", directory=link))

    assert kind == "UnsafeNamespace"
    assert (
        f"the namespace directory '{link}' is a symbolic link or no directory: somebody could lead it elsewhere" in text
    )
    assert list((namespace / "directory").iterdir()) == []


def test_file_in_place_of_the_directory_is_refused(namespace: Path) -> None:
    """A mistaken MEMLANE_DIR."""
    (namespace / "file").touch()

    kind, _number, text = error_of(lambda: HostVariable("pose", directory=namespace / "file"))

    assert kind == "UnsafeNamespace"
    assert "is a symbolic link or no directory" in text


def test_missing_parent_is_named(namespace: Path) -> None:
    """Only the last part of the path is created."""
    path = namespace / "missing" / "directory"

    kind, number, text = error_of(lambda: HostVariable("pose", directory=path))

    assert (kind, number) == ("SystemFailure", errno.ENOENT)
    assert f"cannot open or create the namespace directory '{path}': make the directory above it first" in text


def test_too_long_path_is_refused_with_the_limit(namespace: Path) -> None:
    """Cut off, it would be another directory."""
    kind, _number, text = error_of(lambda: HostVariable("pose", directory="/" + "x" * 5000))

    assert kind == "InvalidArgument"
    assert "the path of the namespace directory is longer than" in text


def test_path_with_a_nul_is_refused(namespace: Path) -> None:
    """C would end the path there, and use another directory."""
    with pytest.raises(ValueError, match="null|NUL"):
        HostVariable("pose", directory=f"{namespace}\0/other")

    assert list(namespace.iterdir()) == []


@as_root
def test_store_lists_the_directory_of_the_effective_user(monkeypatch: pytest.MonkeyPatch) -> None:
    """A service that gave up its rights finds what it opened, and removes it."""
    monkeypatch.delenv("MEMLANE_DIR")

    def child() -> object:
        os.seteuid(EFFECTIVE)
        store = BufferStore({"plain": Plain})
        try:
            with store:
                store.get_or_open(("plain", 1))
                present = store.present()
            store.unlink_all()
            return present, store.present()
        finally:
            shutil.rmtree(f"/dev/shm/memlane-{EFFECTIVE}")

    assert answer_of_child(child) == ([("plain", 1)], [])


@as_root
def test_unreadable_directory_is_access_denied(reachable: Path) -> None:
    """The class that fits permissions, with the way out."""
    directory = reachable / "root-only"
    directory.mkdir(0o700)

    kind, number, text = error_as_nobody(lambda: HostVariable("pose", directory=directory))

    assert (kind, number) == ("AccessDenied", errno.EACCES)
    assert f"cannot open or create the namespace directory '{directory}'" in text
    assert "change the permissions, or name another directory in MEMLANE_DIR" in text


@as_root
def test_directory_without_write_permission_is_access_denied(reachable: Path) -> None:
    """Readable is not enough to create objects."""
    directory = reachable / "read-only"
    directory.mkdir(0o555)
    os.chown(directory, NOBODY, NOBODY)

    kind, number, text = error_as_nobody(lambda: HostVariable("pose", directory=directory))

    assert (kind, number) == ("AccessDenied", errno.EACCES)
    assert f"cannot create files in the namespace directory '{directory}' (Permission denied)" in text
    assert "change its permissions, or name another directory in MEMLANE_DIR" in text


@as_root
def test_other_users_cannot_open_the_default_objects(reachable: Path) -> None:
    """Hazard 24: 0600 files in a 0700 directory."""
    with HostVariable("pose") as variable:
        variable.data = "secret"

        kind, _number, text = error_as_nobody(lambda: HostVariable("pose", peer_uid=0))

    assert kind == "AccessDenied"
    assert f"this user may not read and write 'pose' in '{reachable}' (Permission denied)" in text
    assert "its creator can share it by mode=" in text


@as_root
@pytest.mark.parametrize("mode", [0o1777, 0o755])
def test_object_that_this_user_may_not_unlink_is_access_denied(reachable: Path, mode: int) -> None:
    """The sticky bit lets all create, and only owners remove."""
    directory = reachable / "shared"
    HostVariable("pose", directory=directory).close()
    directory.chmod(mode)

    kind, number, text = error_as_nobody(lambda: memlane.unlink("pose", directory=directory, mode=0o666, peer_uid=0))

    assert (kind, number) == ("AccessDenied", errno.EACCES)
    assert f"this user may not unlink 'pose' in '{directory}' (" in text
    assert "its owner can, or whoever owns the directory" in text
    assert (directory / "pose").exists()


@as_root
def test_endpoint_goes_on_when_the_process_gives_up_its_rights(reachable: Path) -> None:
    """A service that opens as root and becomes another user; a new mapping is refused with the way out."""

    def give_up_rights() -> tuple[bool, str, bool, tuple[str, int | None, str]]:
        with HostVariable("pose") as variable:
            os.setresuid(NOBODY, NOBODY, NOBODY)
            variable.data = b"written by nobody"
            current = variable.is_current
            denial = error_of(variable.view)
            return current, repr(variable), variable.data == b"written by nobody", denial

    current, text, wrote, (kind, number, denial) = answer_of_child(give_up_rights)

    assert current
    assert "re-created" not in text
    assert wrote
    assert (kind, number) == ("AccessDenied", errno.EACCES)
    assert "this user may not open 'pose' again, which each mapping takes (Permission denied)" in denial
    assert "let its owner read and write by mode=, and make the first view before giving up rights" in denial


def test_missing_proc_is_named(namespace: Path) -> None:
    """A root directory of its own (chroot) often has none; it used to be told as a file system without locks."""

    def hide_proc() -> None:
        unshare_mounts()
        mount("tmpfs", namespace, "mode=700")  # a file system that was not tested yet
        mount("tmpfs", "/proc")

    def open_before_and_after() -> list[tuple[str, int | None, str]]:
        unknown = error_of(lambda: HostVariable("pose"))
        call_system("umount2", b"/proc", 0)
        variable = HostVariable("pose")
        mount("tmpfs", "/proc")
        return [unknown, error_of(lambda: HostVariable("other")), error_of(variable.view)]

    (kind, number, text), *later = answer_of_isolated_child(hide_proc, open_before_and_after)

    assert (kind, number) == ("UnsupportedNamespace", errno.ENOTSUP)
    assert (
        f"no file of the namespace directory '{namespace}' can be opened a second time, since /proc is missing" in text
    )
    assert "mount it (mount -t proc proc /proc)" in text
    for (kind, number, text), name in zip(later, ("other", "pose"), strict=True):
        assert (kind, number) == ("SystemFailure", errno.ENOENT)
        assert f"cannot map '{name}', since /proc is missing: mount it (mount -t proc proc /proc)" in text


@as_root
def test_object_of_somebody_else_is_refused_with_both_users(namespace: Path) -> None:
    """An object is as trustworthy as its owner."""
    HostVariable("pose").close()
    os.chown(namespace / "pose", NOBODY, NOBODY)

    kind, _number, text = error_of(lambda: HostVariable("pose"))

    assert kind == "UnsafeNamespace"
    assert f"'pose' belongs to user {NOBODY}, not to user 0: its owner could change it at will" in text
    assert f"to accept that, open it with peer_uid={NOBODY}" in text


@as_root
def test_pickle_in_the_object_of_a_peer_is_refused_without_explicit_trust(namespace: Path) -> None:
    """Rule 11: nobody but this user and root can have written it; a peer is neither."""
    with HostVariable("pose") as variable:
        variable.data = {1, 2}
    os.chown(namespace / "pose", NOBODY, NOBODY)

    with (
        HostVariable("pose", peer_uid=NOBODY) as reader,
        pytest.raises(memlane.UnsafePickle, match="others than this user"),
    ):
        _ = reader.data
    with HostVariable("pose", peer_uid=NOBODY, allow_pickle=True) as trusting:
        assert trusting.data == {1, 2}


@pytest.mark.parametrize("mode", [0o660, 0o606, 0o640, 0o604])
def test_object_that_lets_others_in_is_refused_with_its_mode(namespace: Path, mode: int) -> None:
    """A chmod by somebody who did not think of pickles."""
    HostVariable("pose").close()
    (namespace / "pose").chmod(mode)

    kind, _number, text = error_of(lambda: HostVariable("pose"))

    assert kind == "UnsafeNamespace"
    assert f"'pose' has mode {mode:03o}, which lets others in; this endpoint accepts 600" in text
    assert f"chmod the file, or open it with mode=0o{mode:03o}" in text
    with HostVariable("pose", mode=mode):
        pass


def test_default_directory_is_in_shared_memory_and_names_the_user() -> None:
    """Rule 2, without MEMLANE_DIR; nothing is created here for that."""

    def find_out() -> tuple[str, bool]:
        del os.environ["MEMLANE_DIR"]
        path = f"/dev/shm/memlane-{os.geteuid()}"
        _kind, _number, text = error_of(lambda: HostVariable("never made by a test", create=False))
        return text, path in text

    text, named = answer_of_child(find_out)

    assert named, text


def tell_error(link: Link) -> None:
    """Open a variable in a process that knows no file system yet, and tell how that ended."""
    link.send(error_of(lambda: HostVariable("pose")))


def test_file_system_without_byte_locks_is_refused_with_the_reason(namespace: Path) -> None:
    """Hazard 46 and D16: NFS, 9p and some overlays; without locks no death is noticed."""
    with Peer(tell_error, environment={"MEMLANE_NO_OFD": "1"}) as peer:
        kind, number, text = peer.receive()

    assert (kind, number) == ("UnsupportedNamespace", errno.ENOTSUP)
    assert f"byte locks (F_OFD_SETLK) do not work in the namespace directory '{namespace}'" in text
    assert "without them the death of a process cannot be noticed; use a local file system, such as tmpfs" in text
    assert list(namespace.iterdir()) == []
