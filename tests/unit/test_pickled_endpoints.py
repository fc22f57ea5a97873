"""Endpoints as pickles: they travel by name, and open the very same object at the other end."""

from __future__ import annotations

import copy
import pickle
from typing import TYPE_CHECKING

import pytest

import memlane
from memlane import HostVariable
from memlane.buffer import BufferStore
from memlane.recording import Recorder

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_endpoint_pickles_by_name_and_opens_the_same_object(variable: HostVariable, protocol: int) -> None:
    """D14: arguments of a worker process."""
    variable.data = "shared"

    with pickle.loads(pickle.dumps(variable, protocol)) as received:
        assert received.data == "shared"
        received.data = "answer"

    assert variable.data == "answer"


def test_pickle_contains_no_value(variable: HostVariable) -> None:
    """The name travels, not the megabytes."""
    variable.data = b"secret" * 100

    assert b"secret" not in pickle.dumps(variable)


def test_received_endpoint_finds_the_object_outside_its_own_namespace(
    namespace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """D14: the directory travels along; the receiver's environment may be another."""
    with HostVariable("pose", directory=namespace / "there") as variable:
        variable.data = 1
        pickled = pickle.dumps(variable)
    monkeypatch.setenv("MEMLANE_DIR", str(namespace / "elsewhere"))

    with pickle.loads(pickled) as received:
        assert received.data == 1


def test_endpoint_of_a_removed_object_is_not_created_anew(variable: HostVariable, namespace: Path) -> None:
    """D14: the receiver opens, it never creates: it would be alone with an empty object."""
    pickled = pickle.dumps(variable)
    memlane.unlink("pose")

    with pytest.raises(memlane.ObjectNotFound, match="variable 'pose' in .* was removed since this endpoint was made"):
        pickle.loads(pickled)

    assert list(namespace.iterdir()) == []


def test_endpoint_of_a_recreated_object_is_refused(variable: HostVariable) -> None:
    """D14: the name alone is not the object."""
    pickled = pickle.dumps(variable)
    memlane.unlink("pose")

    with HostVariable("pose"), pytest.raises(memlane.ObjectNotFound, match="'pose' was re-created since this endpoint"):
        pickle.loads(pickled)


def test_trust_and_mode_travel_along(namespace: Path) -> None:
    """What the sender forbade itself stays forbidden."""
    with HostVariable("pose", mode=0o660, allow_pickle=False) as variable:
        variable.data = {1, 2}

        with (
            pickle.loads(pickle.dumps(variable)) as received,
            pytest.raises(memlane.UnsafePickle, match="opened with allow_pickle=False"),
        ):
            _ = received.data


def test_peer_uid_travels_along_unchanged(namespace: Path) -> None:
    """Sending an endpoint on from process to process must not wear it out."""
    with HostVariable("pose") as variable:
        variable.data = 1
        with pickle.loads(pickle.dumps(variable)) as second, pickle.loads(pickle.dumps(second)) as third:
            assert third.data == 1
            assert pickle.dumps(second) == pickle.dumps(third)


def test_name_with_any_bytes_travels(namespace: Path) -> None:
    """Names are text of any kind."""
    with HostVariable("größe 100%") as variable:
        variable.data = 1

        with pickle.loads(pickle.dumps(variable)) as received:
            assert (received.name, received.data) == ("größe 100%", 1)


def test_copy_is_a_second_endpoint_on_the_same_object(variable: HostVariable) -> None:
    """``copy.copy`` must not make two owners of one endpoint."""
    with copy.copy(variable) as second:
        variable.data = 1

        assert second.data == 1
        assert variable.stats().live_participants == 2

    assert not variable.closed


def test_closed_endpoint_is_not_pickled(variable: HostVariable) -> None:
    """After close every operation raises Closed: better here than at the receiver."""
    variable.close()

    with pytest.raises(memlane.Closed):
        pickle.dumps(variable)


def test_what_stays_in_its_process_is_not_pickled(namespace: Path, tmp_path: Path) -> None:
    """Who gives it to a process that is spawned is told what to do there."""
    with (
        memlane.HostFunctionDispatcher() as dispatcher,
        pytest.raises(TypeError, match="make one in the other process"),
    ):
        pickle.dumps(dispatcher)
    with BufferStore({}) as store, pytest.raises(TypeError, match="make one of the same catalog in the other process"):
        pickle.dumps(store)
    with Recorder(tmp_path / "run.mcap") as recorder, pytest.raises(TypeError, match="with a file of its own"):
        pickle.dumps(recorder)


def test_view_is_not_pickled_as_if_it_were_shared(variable: HostVariable) -> None:
    """A memoryview cannot be pickled; its error is Python's own."""
    variable.data = b"frame"

    with pytest.raises(TypeError, match="memoryview"):
        pickle.dumps(variable.view())
