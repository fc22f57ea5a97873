"""The peer processes that other tests rely on."""

from __future__ import annotations

import os
import signal

import pytest

from tests.peer import Link, Peer, PeerFailed, wait_until


def echo(link: Link, prefix: str) -> None:
    """Answer every message until the test goes away."""
    while True:
        link.send(f"{prefix} {link.receive()}")


def fail(_link: Link) -> None:
    """Raise what no test expects."""
    raise ZeroDivisionError("on purpose")


def name_directory(link: Link) -> None:
    """Tell which namespace this process would use."""
    link.send(os.environ["MEMLANE_DIR"])


def test_messages_pass_in_both_directions() -> None:
    """Tests keep in step with their peers by messages alone."""
    with Peer(echo, "heard") as peer:
        peer.send("one")

        assert peer.receive() == "heard one"


def test_exception_of_the_peer_reaches_the_test_with_its_traceback() -> None:
    """A broken peer must not look like a slow one."""
    with Peer(fail) as peer, pytest.raises(PeerFailed, match="ZeroDivisionError: on purpose"):
        peer.receive()


def test_killed_peer_is_reported_with_its_status() -> None:
    """The test learns that nothing will come, and why."""
    with Peer(echo, "heard") as peer:
        peer.kill()

        with pytest.raises(PeerFailed, match="ended with status -9"):
            peer.receive()


def test_stopped_peer_answers_only_after_resume() -> None:
    """`stop` returns when the peer really stands still, or tests of stopped peers would prove nothing."""
    with Peer(echo, "heard") as peer:
        peer.send("one")
        peer.receive()

        peer.stop()
        peer.send("two")
        with open(f"/proc/{peer.pid}/stat") as status:
            state = status.read().rpartition(")")[2].split()[0]
        answered = peer.has_message()
        peer.resume()

        assert (state, answered) == ("T", False)
        assert peer.receive() == "heard two"


def test_unreaped_peer_is_a_zombie_until_it_is_joined() -> None:
    """Liveness must not depend on a parent that reaps."""
    with Peer(echo, "heard") as peer:
        peer.kill_unreaped()
        with open(f"/proc/{peer.pid}/stat") as status:
            state = status.read().rpartition(")")[2].split()[0]

        assert state == "Z"
        assert peer.join() == -signal.SIGKILL


def test_peer_uses_the_namespace_of_its_test(namespace: os.PathLike[str]) -> None:
    """Two processes meet only where both look."""
    with Peer(name_directory) as peer:
        assert peer.receive() == str(namespace)


def test_wait_until_says_what_it_waited_for() -> None:
    """A condition that never holds is a finding, with a name."""
    with pytest.raises(AssertionError, match=r"not within 0.0 s: the moon"):
        wait_until(lambda: False, "the moon", timeout=0.0)
