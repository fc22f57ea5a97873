"""Buffers: values in and out, transactions, validity, stores."""

from __future__ import annotations

import asyncio
import ctypes
import errno
import math
import os
import pickle
import select
import threading
import time
from importlib import resources
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from memlane.buffer import Buffer, BufferStore, DeviceBuffer, DeviceBufferError, DeviceUID, NullDevice, Parameter
from memlane.errors import Closed, KindMismatch, OwnershipLost, SchemaMismatch, Timeout
from memlane.messaging import Message
from memlane.variable import HostVariable
from tests.children import answer_of_child
from tests.peer import PATIENCE_SECONDS, process_state, wait_until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

CATALOG = resources.files("memlane.buffer").joinpath("smart-devices.json").read_text()


def parameter(name: str, specifier: str, number: int, **options: Any) -> Parameter:
    """Make a parameter by its specifier."""
    return Parameter(name, Parameter.parse_ctype(specifier), number, **options)


PARAMETERS = [
    parameter("flag", "bool", 0, readable=False, writeable=True),
    parameter("duty_cycle", "double", 1),
    parameter("id", "uint32", 2, writeable=True),
    parameter("large", "char[253]", 3, writeable=True),
    parameter("pos", "double", 4, writeable=True, lower=-1, upper=1),
]
Device = DeviceBuffer.make_type("test-device", PARAMETERS)
Plain = Buffer.make_type("test-plain", PARAMETERS)


@pytest.fixture(params=["shared", "local"])
def buffer(request: pytest.FixtureRequest, namespace: Path) -> Iterator[Buffer]:
    """Give a valid buffer, shared and local."""
    if request.param == "shared":
        with Plain.open("plain") as opened:
            yield opened
    else:
        with Plain.attach() as attached:
            attached.valid = True
            yield attached


# -- types -----------------------------------------------------------------------------------------------------


def test_type_is_called_by_its_name_and_documents_its_parameters() -> None:
    """A shell shows both."""
    assert Device.__name__ == "TestDevice"
    assert list(Device.params) == ["flag", "duty_cycle", "id", "large", "pos"]
    assert "- pos (id 4): float, read and write, -1 to 1" in str(Device.__doc__)
    assert "- pos (id 4): double, read and write" in str(Plain.__doc__)
    assert (Device.sub_interval, Device.write_interval, Device.heartbeat_interval) == (0.04, 0.04, 1)


@pytest.mark.parametrize(
    "params",
    [
        [parameter("a", "bool", 0), parameter("a", "bool", 1)],
        [parameter("a", "bool", 0), parameter("b", "bool", 0)],
        [parameter("a", "bool", 16)],
        [parameter(f"p{index}", "bool", index) for index in range(17)],
    ],
    ids=["name twice", "id twice", "id too high", "17 parameters"],
)
def test_parameters_that_share_what_must_be_their_own_are_refused(params: list[Parameter]) -> None:
    """A bitmap has one bit for each, and no more than sixteen."""
    with pytest.raises(ValueError, match="test-device"):
        DeviceBuffer.make_type("test-device", params)


def test_plain_buffer_has_as_many_parameters_as_it_likes() -> None:
    """A gamepad has 21."""
    wide = Buffer.make_type("wide", [parameter(f"p{index}", "bool", index) for index in range(40)])

    with wide.attach() as buffer:
        buffer.valid = True
        buffer.set("p39", True)  # noqa: FBT003

        assert buffer.get("p39") is True


def test_type_without_parameters_is_a_placeholder() -> None:
    """`None` would need a question at each use."""
    buffer = NullDevice.attach()
    buffer.valid = True

    assert list(buffer.emit_dev_rw()) == []
    assert buffer.get_update() == {}
    with pytest.raises(DeviceBufferError, match="has no parameter"):
        buffer.get("anything")


class Point(ctypes.Structure):
    """No parameter: nobody else knows its fields."""

    _fields_ = (("x", ctypes.c_int),)


@pytest.mark.parametrize(
    "ctype", [ctypes.c_char_p, ctypes.py_object, ctypes.c_void_p * 2, Point, ctypes.c_int.__ctype_be__, int, "int32"]
)
def test_pointers_and_what_is_no_simple_type_are_refused(ctype: Any) -> None:
    """An address of another process would be followed."""
    with pytest.raises(ValueError, match="'value', key 'type': expected a simple ctypes type that is no pointer"):
        Buffer.make_type("pointing", [Parameter("value", ctype, 0)])
    with pytest.raises(ValueError, match="key 'field': expected a simple ctypes type that is no pointer"):
        Buffer.make_type("pointing", [], ("field", ctype))


@pytest.mark.parametrize("kind", [Buffer, DeviceBuffer])
def test_class_without_a_type_cannot_be_opened(kind: type[Buffer]) -> None:
    """Nobody knows what would lie in it."""
    with pytest.raises(TypeError, match="make_type"):
        kind.attach()


def test_further_fields_are_attributes(namespace: Path) -> None:
    """What is no parameter has its place too."""
    kind = Buffer.make_type("extended", PARAMETERS, ("serial", ctypes.c_uint16), ("label", ctypes.c_char * 8))

    with kind.open("extended") as buffer, kind.open("extended", create=False) as other:
        buffer.serial = 7  # type: ignore[attr-defined]
        buffer.label = b"left"  # type: ignore[attr-defined]

        assert (other.serial, other.label) == (7, b"left")  # type: ignore[attr-defined]


# -- values ----------------------------------------------------------------------------------------------------


def test_value_that_was_set_is_got(buffer: Buffer) -> None:
    """That is what a buffer is for."""
    buffer.set("duty_cycle", 0.1)
    buffer.set("id", 4294967295)
    buffer.set("large", b"name")

    assert (buffer.get("duty_cycle"), buffer.get("id"), buffer.get("large")) == (0.1, 4294967295, b"name")
    assert buffer.get("pos") == 0.0


def test_requested_value_is_not_the_reported_one(buffer: Buffer) -> None:
    """A motor that is told to turn does not turn yet."""
    buffer.set("pos", 0.5)
    buffer.write("pos", -0.5)

    assert buffer.get("pos") == 0.5


INTEGERS = [(f"{sign}int{bits}", sign, bits) for sign in ("", "u") for bits in (8, 16, 32, 64)]


@pytest.mark.parametrize(("specifier", "sign", "bits"), INTEGERS)
def test_integers_keep_their_range_and_never_wrap(specifier: str, sign: str, bits: int) -> None:
    """255 that becomes -1 turns a motor around."""
    kind = Buffer.make_type("integers", [parameter("value", specifier, 0)])
    lowest, highest = (0, 2**bits - 1) if sign else (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1)
    buffer = kind.attach()
    buffer.valid = True

    for value in (lowest, highest, 1):
        buffer.set("value", value)
        assert buffer.get("value") == value
    for value in (lowest - 1, highest + 1):
        with pytest.raises(ValueError, match="does not fit"):
            buffer.set("value", value)

    assert buffer.get("value") == 1


@pytest.mark.parametrize(
    ("specifier", "value"),
    [
        ("bool", "true"), ("bool", None), ("bool", 2), ("int32", 1.5), ("int32", "1"), ("int32", None),
        ("float", "1.0"), ("float", None), ("float", b"1"), ("double", [1.0]), ("char", "a"), ("char", b"ab"),
        ("char[3]", "abc"), ("wchar[3]", b"abc"), ("float[2]", 1.0), ("float[2]", "ab"), ("int8[2]", [1, 1.5]),
        ("float[2]", {"a": 1, "b": 2}), ("longdouble", "1"), ("wchar", "ab"),
    ],
)  # fmt: skip
def test_value_of_the_wrong_type_is_refused(specifier: str, value: object) -> None:
    """The package ctypes would take some of them and make something else."""
    buffer = Buffer.make_type("typed", [parameter("value", specifier, 0, writeable=True)]).attach()
    buffer.valid = True
    before = buffer.get("value")

    for store in (buffer.set, buffer.write):
        with pytest.raises(TypeError, match="'value'"):
            store("value", value)

    assert buffer.get("value") == before
    assert buffer.version == 1


@pytest.mark.parametrize(
    ("specifier", "value"),
    [
        ("float", 1e39), ("float", 10**400), ("double", 10**400), ("longdouble", 1 << 20_000), ("int8", 1 << 20_000),
        ("char[3]", b"abcd"), ("float[2]", [1.0]), ("int8[2]", [1, 128]), ("int8[2][2]", [[1, 2], [3]]),
    ],
    ids=range(9),
)  # fmt: skip
def test_value_that_does_not_fit_is_refused(specifier: str, value: object) -> None:
    """Infinity, or half a vector, is not what was asked for."""
    buffer = Buffer.make_type("typed", [parameter("value", specifier, 0)]).attach()
    buffer.valid = True

    with pytest.raises(ValueError, match="'value'"):
        buffer.set("value", value)


@pytest.mark.parametrize(
    ("specifier", "value"),
    [
        ("bool", True), ("char", b"x"), ("char[4]", b"abcd"), ("wchar[4]", "äöü"), ("double", math.pi),
        ("longdouble", 0.5), ("float[3]", [0.5, 1.0, -2.0]), ("int16[2][3]", [[1, 2], [3, 4], [5, 6]]),
        ("bool[2]", [True, False]), ("double", math.inf), ("uint64[8][8]", [[n] * 8 for n in range(8)]),
    ],
)  # fmt: skip
def test_value_comes_back_as_it_was(specifier: str, value: object) -> None:
    """Whatever type of ctypes it has."""
    buffer = Buffer.make_type("typed", [parameter("value", specifier, 0)]).attach()
    buffer.valid = True

    buffer.set("value", value)

    assert buffer.get("value") == value


def test_vector_is_a_copy() -> None:
    """Who changes it changes his own."""
    buffer = Buffer.make_type("typed", [parameter("value", "float[2]", 0)]).attach()
    buffer.valid = True
    buffer.set("value", (ctypes.c_float * 2)(1.0, 2.0))
    got = buffer.get("value")

    got[0] = 7.0

    assert buffer.get("value") == [1.0, 2.0]


def test_value_beyond_its_limits_becomes_the_limit_with_one_warning(buffer: Buffer) -> None:
    """Once for each bound."""
    for value, limit in ((1.5, 1.0), (-1.5, -1.0)):
        with pytest.warns(UserWarning, match="'pos'") as caught:
            buffer.write("pos", value)
        assert len(caught) == 1
        assert buffer._values("write")["pos"] == limit

    with pytest.raises(ValueError, match="NaN"):
        buffer.write("pos", math.nan)


@pytest.mark.parametrize(
    ("call", "param"),
    [
        (lambda buffer: buffer.get("nothing"), "nothing"),
        (lambda buffer: buffer.get("flag"), "flag"),
        (lambda buffer: buffer.set("flag", 1), "flag"),
        (lambda buffer: buffer.write("duty_cycle", 0.0), "duty_cycle"),
        (lambda buffer: buffer.write("nothing", 0.0), "nothing"),
        (lambda buffer: buffer.wait(["nothing"], timeout=0), "nothing"),
    ],
)
def test_wrong_parameter_is_named_in_the_error(call: Callable[[Buffer], object], param: str, buffer: Buffer) -> None:
    """It is a typing error of somebody's program."""
    with pytest.raises(DeviceBufferError, match=param) as caught:
        call(buffer)

    assert caught.value.context == {"param": param}
    assert f"param={param!r}" in repr(caught.value)


# -- transactions ----------------------------------------------------------------------------------------------


def test_transaction_is_seen_all_at_once(buffer: Buffer) -> None:
    """Half a change is a state that never was."""
    seen: list[tuple[Any, Any]] = []

    def look() -> None:
        seen.append((buffer.get("id"), buffer.get("duty_cycle")))

    with buffer.transaction():
        buffer.set("id", 7)
        reader = threading.Thread(target=look)
        reader.start()
        reader.join()
        buffer.set("duty_cycle", 0.5)
        own = (buffer.get("id"), buffer.get("duty_cycle"))

    assert seen == [(0, 0.0)]
    assert own == (7, 0.5)
    assert (buffer.get("id"), buffer.get("duty_cycle")) == (7, 0.5)


def test_transaction_that_raises_never_was(buffer: Buffer) -> None:
    """It is the outermost block that counts."""
    with pytest.raises(LookupError), buffer.transaction(), buffer.transaction():
        buffer.set("id", 7)
        raise LookupError

    assert buffer.get("id") == 0
    buffer.set("id", 8)
    assert buffer.get("id") == 8


def test_inner_block_that_raises_undoes_nothing(buffer: Buffer) -> None:
    """Only an exception that leaves the outermost block rolls back."""
    with buffer.transaction():
        with pytest.raises(LookupError), buffer.transaction():
            buffer.set("id", 7)
            raise LookupError
        buffer.set("duty_cycle", 0.5)

    assert (buffer.get("id"), buffer.get("duty_cycle")) == (7, 0.5)


def test_transactions_of_threads_take_turns(buffer: Buffer) -> None:
    """Reading, computing and writing is one step inside."""
    rounds = 300

    def count() -> None:
        for _ in range(rounds):
            with buffer.transaction():
                buffer.set("id", buffer.get("id") + 1)

    threads = [threading.Thread(target=count) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert buffer.get("id") == 3 * rounds


def test_read_only_transaction_sees_one_state(buffer: Buffer) -> None:
    """Two values that belong together come from one moment, and nobody waits."""
    with buffer.transaction(readonly=True) as state:
        before = state.get("id")
        other = threading.Thread(target=lambda: buffer.set("id", 7))
        other.start()
        other.join()
        with buffer.transaction(readonly=True):
            after = buffer.get("id")
        with pytest.raises(DeviceBufferError, match="read-only"):
            buffer.set("id", 1)

    assert (before, after, buffer.get("id")) == (0, 0, 7)


def test_wait_in_a_read_only_transaction_is_refused_where_it_would_never_end(buffer: Buffer) -> None:
    """It sees one state: whatever others set, it would look at the same counts for ever."""
    buffer.set("id", 7)
    with buffer.transaction(readonly=True):
        assert buffer.wait() == {"id"}

        other = threading.Thread(target=lambda: buffer.set("id", 8))
        other.start()
        other.join()

        for timeout in (None, 0, 1):
            with pytest.raises(DeviceBufferError, match="read-only transaction: leave it before you wait"):
                buffer.wait(timeout=timeout)

    assert buffer.wait() == {"id"}


def test_transaction_waits_as_long_as_anybody_could_ask(buffer: Buffer) -> None:
    """What is longer than a system can wait is for ever."""
    with buffer.transaction(timeout=1e300):
        buffer.set("id", 7)

    assert buffer.wait(timeout=1e300) == {"id"}


def test_transaction_waits_no_longer_than_it_was_told(buffer: Buffer) -> None:
    """A robot has to go on."""
    raised: list[int | None] = []

    def wait() -> None:
        try:
            with buffer.transaction(timeout=0.03):
                pass
        except Timeout as error:
            raised.append(error.errno)

    with buffer.transaction():
        waiter = threading.Thread(target=wait)
        waiter.start()
        waiter.join()

    assert raised == [errno.ETIMEDOUT]


def test_negative_timeout_is_refused_also_where_nobody_is_waited_for(buffer: Buffer) -> None:
    """A mistake must not wait for the day on which somebody holds the lock."""
    with pytest.raises(ValueError, match="timeout=-1"):
        buffer.transaction(timeout=-1)


def test_forked_child_is_in_no_transaction_of_its_parent(namespace: Path) -> None:
    """Two processes inside would be one too many."""
    with Plain.open("plain") as buffer:

        def look() -> object:
            with pytest.raises(Timeout), buffer.transaction(timeout=0):
                pass
            return buffer.get("id")

        with buffer.transaction():
            buffer.set("id", 7)

            assert answer_of_child(look) == 0


def test_forked_child_without_a_place_ends_no_transaction_of_its_parent(namespace: Path) -> None:
    """It still has the parent's tag, and must not publish in its name, or give its lock to others."""
    with Plain.open("plain", max_participants=1) as buffer:
        block = buffer.transaction()

        def leave() -> object:
            with pytest.raises(OwnershipLost):
                block.__exit__(None, None, None)
            return 0

        with block:
            buffer.set("id", 7)

            assert answer_of_child(leave) == 0

            buffer.set("id", 8)
        assert buffer.get("id") == 8
        assert buffer.version == 2


# -- validity --------------------------------------------------------------------------------------------------

OPERATIONS: list[Callable[[Any], object]] = [
    lambda buffer: buffer.get("pos"),
    lambda buffer: buffer.set("pos", 0.0),
    lambda buffer: buffer.write("pos", 0.0),
    lambda buffer: buffer.transaction().__enter__(),
    lambda buffer: buffer.transaction(readonly=True).__enter__(),
    lambda buffer: buffer.wait(timeout=0),
    lambda buffer: next(buffer.changes(timeout=0)),
    lambda buffer: buffer.read(),
    lambda buffer: buffer.get_read(),
    lambda buffer: buffer.get_write(),
    lambda buffer: buffer.get_update(),
    lambda buffer: list(buffer.emit_dev_rw()),
    lambda buffer: list(buffer.emit_dev_data()),
    lambda buffer: list(buffer.emit_subscription()),
    lambda buffer: buffer.make_sub_res(),
    lambda buffer: buffer.uid,
    lambda buffer: buffer.subscription,
    lambda buffer: buffer.interval,
    lambda buffer: buffer.last_write,
    lambda buffer: buffer.last_update,
    lambda buffer: buffer.update(Message.make_ping()),
    lambda buffer: buffer.update(Message.make_sub_req(0, 0)),
]


@pytest.mark.parametrize("operation", OPERATIONS)
def test_invalid_buffer_refuses_every_operation(operation: Callable[[Any], object]) -> None:
    """The device is not there: old values are no values."""
    buffer = Device.attach()

    assert buffer.valid is False
    with pytest.raises(DeviceBufferError, match="not valid"):
        operation(buffer)


@pytest.mark.parametrize("operation", OPERATIONS)
def test_closed_buffer_refuses_every_operation(operation: Callable[[Any], object], namespace: Path) -> None:
    """As files do."""
    shared, local = Device.open("device"), Device.attach()
    for buffer in (shared, local):
        buffer.close()
        buffer.close()

        assert buffer.closed
        with pytest.raises(Closed):
            operation(buffer)


def test_only_the_owner_makes_a_buffer_invalid(namespace: Path) -> None:
    """Who only looks must not take a device away."""
    owner = Plain.open("plain")
    with Plain.open("plain"), Plain.open("plain", create=False):
        pass

    assert owner.valid
    with Plain.open("plain", create=False) as other:
        owner.close()
        assert not other.valid
        other.valid = True
        assert other.valid

    assert not Plain.open("plain", create=False).valid


def test_missing_buffer_is_an_error_unless_it_may_be_created(namespace: Path) -> None:
    """A program that waits for a device must not invent it."""
    with pytest.raises(DeviceBufferError, match="create=True") as caught:
        Plain.open("plain", create=False)

    assert caught.value.context == {"buffer": "plain"}
    assert list(namespace.iterdir()) == []


# -- layouts ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changed", "fragment"),
    [
        ([parameter("pos", "float", 0)], "parameter 'pos', id 0: float, readable here"),
        ([parameter("pos", "double", 1)], "parameter 'pos', id 1"),
        ([parameter("pos", "double", 0, writeable=True)], "readable and writeable here"),
        ([], "nothing here, parameter 'pos', id 0: double, readable there"),
        (
            [parameter("pos", "double", 0), parameter("new", "bool", 1)],
            "parameter 'new', id 1: bool, readable here, nothing there",
        ),
    ],
)  # fmt: skip
def test_other_layout_under_the_same_name_is_named(namespace: Path, changed: list[Parameter], fragment: str) -> None:
    """Two versions of a catalog on one robot would read each other's bytes as something else."""
    with Buffer.make_type("device", [parameter("pos", "double", 0)]).open("device"):
        with pytest.raises(SchemaMismatch) as caught:
            Buffer.make_type("device", changed).open("device")

        assert fragment in str(caught.value)


def test_limits_are_no_layout(namespace: Path) -> None:
    """Each program may keep its own."""
    first = Buffer.make_type("device", [parameter("pos", "double", 0, upper=1)])
    second = Buffer.make_type("device", [parameter("pos", "double", 0, upper=2)])

    with first.open("device"), second.open("device"):
        pass


def test_object_of_another_kind_is_no_buffer(namespace: Path) -> None:
    """Both kinds are named."""
    with HostVariable("pose"), pytest.raises(KindMismatch, match="variable"):
        Plain.open("pose")


# -- changes ---------------------------------------------------------------------------------------------------


def test_wait_returns_what_changed_since_it_returned_last(buffer: Buffer) -> None:
    """Consumers need not poll."""
    with pytest.raises(Timeout):
        buffer.wait(timeout=0)
    buffer.set("id", 1)
    buffer.set("pos", 0.5)

    assert buffer.wait(["id"]) == {"id"}
    assert buffer.wait() == {"pos"}
    with pytest.raises(Timeout) as raised:
        buffer.wait(timeout=0.01)
    assert raised.value.errno == errno.ETIMEDOUT


def test_wait_for_what_nobody_can_set_is_refused(buffer: Buffer) -> None:
    """It would have no end."""
    for wait in (buffer.wait, lambda params: next(buffer.changes(params))):
        with pytest.raises(DeviceBufferError, match="'flag' is not readable") as caught:
            wait(["flag"])

        assert caught.value.context == {"param": "flag"}


def test_wait_for_requests_is_for_who_speaks_for_the_device(buffer: Buffer) -> None:
    """Writes and reads that somebody asked for are sent at once."""
    buffer.set("id", 1)
    buffer.write("pos", 0.5)

    assert buffer.wait(requests=True) == {"pos"}
    with pytest.raises(Timeout):
        buffer.wait(requests=True, timeout=0)


def test_waiter_is_woken_by_a_change(buffer: Buffer) -> None:
    """Not by its own clock."""
    answers: list[frozenset[str]] = []
    waiter = threading.Thread(target=lambda: answers.append(buffer.wait(timeout=30)))
    waiter.start()

    buffer.set("id", 7)
    waiter.join()

    assert answers == [{"id"}]


def test_changes_are_the_new_values_of_one_state(buffer: Buffer) -> None:
    """A slow reader skips states, never the last value."""
    changes = buffer.changes(timeout=1)
    with buffer.transaction():
        buffer.set("id", 1)
        buffer.set("pos", 0.5)

    first = next(changes)
    for value in (2, 3, 4):
        buffer.set("id", value)
    second = next(changes)

    assert (first, second) == ({"id": 1, "pos": 0.5}, {"id": 4})


def test_changes_arrive_in_an_event_loop(namespace: Path) -> None:
    """No thread waits for them."""
    with Plain.open("plain") as buffer, Plain.open("plain") as other:

        async def listen() -> list[object]:
            waiter = asyncio.ensure_future(buffer.wait_async(["id"], timeout=30))
            await asyncio.sleep(0)
            other.set("pos", 0.5)
            other.set("id", 7)
            heard: list[object] = [await waiter]
            async for changed in buffer.changes_async(timeout=30):
                return [*heard, changed]
            return heard

        assert asyncio.run(listen()) == [{"id"}, {"pos": 0.5}]


def test_descriptor_is_readable_while_something_is_new(namespace: Path) -> None:
    """Event loops of others poll it."""

    def is_readable(polled: Buffer, timeout: float) -> bool:
        return bool(select.select([polled], [], [], timeout)[0])

    with Plain.open("plain") as buffer, Plain.open("plain") as other:
        assert not is_readable(buffer, 0)
        other.set("id", 7)
        assert is_readable(buffer, 30)
        assert buffer.wait(timeout=0) == {"id"}
        assert not is_readable(buffer, 0)

    with pytest.raises(TypeError, match="local"):
        Plain.attach().fileno()


def test_blocking_wait_leaves_news_of_others_to_who_polls(namespace: Path) -> None:
    """A thread that waits for one parameter must not hide another from an event loop."""
    with Plain.open("plain") as buffer, Plain.open("plain") as other:
        descriptor = buffer.fileno()
        waited: list[object] = []
        waiter = threading.Thread(target=lambda: waited.append(buffer.wait(["pos"], timeout=30)))
        waiter.start()
        other.set("id", 7)
        other.set("pos", 0.5)
        waiter.join()

        assert waited == [{"pos"}]
        assert select.select([descriptor], [], [], 30)[0] == [descriptor]
        assert buffer.wait(["id"], timeout=0) == {"id"}
        assert select.select([descriptor], [], [], 0)[0] == []
        other.set("id", 8)
        assert buffer.wait(timeout=30) == {"id"}
        assert select.select([descriptor], [], [], 0)[0] == []


# -- endpoints -------------------------------------------------------------------------------------------------


def test_buffer_shows_what_it_holds(namespace: Path) -> None:
    """A shell is where most questions are asked."""
    kind = Buffer.make_type("limit-switch", [parameter("switch0", "bool", 0)])

    with kind.open("left") as buffer:
        assert repr(buffer) == "<LimitSwitch 'left': valid, switch0=False>"
        buffer.valid = False
        assert repr(buffer) == "<LimitSwitch 'left': not valid>"
    assert repr(buffer) == "<LimitSwitch: closed>"


def test_buffer_pickles_by_name(namespace: Path) -> None:
    """Worker processes get it as an argument, type and all."""
    kind = Buffer.make_type("worker", [parameter("value", "float[2]", 0)], ("serial", ctypes.c_uint16))
    with kind.open("worker") as buffer:
        buffer.set("value", [1.0, 2.0])

        with pickle.loads(pickle.dumps(buffer)) as copy:
            assert copy.get("value") == [1.0, 2.0]

    with pytest.raises(TypeError, match="local"):
        pickle.dumps(kind.attach())


def test_statistics_count_transactions(namespace: Path) -> None:
    """The first one made the buffer valid."""
    with Plain.open("plain") as buffer:
        with buffer.transaction():
            buffer.set("id", 1)
            buffer.set("id", 2)
        stats = buffer.stats()

    assert stats is not None
    assert (stats.writes, stats.version, stats.live_participants, stats.is_current) == (2, 2, 1, True)
    assert Plain.attach().stats() is None


def test_unlinked_buffer_goes_on_for_who_has_it_open(namespace: Path) -> None:
    """A name is only a way to it."""
    with Plain.open("plain") as buffer:
        Plain.unlink("plain")
        buffer.set("id", 7)

        assert (buffer.get("id"), buffer.is_current, buffer.name) == (7, False, "plain")


def test_buffer_that_was_never_opened_says_so() -> None:
    """Its constructor is `open` or `attach`."""
    buffer = Plain()

    with pytest.raises(Closed, match="never opened"):
        buffer.get("id")
    assert buffer.closed


# -- stores ----------------------------------------------------------------------------------------------------


@pytest.fixture
def catalog() -> dict[str, type[Buffer]]:
    """Give the types of the shipped catalog."""
    return BufferStore.make_catalog(CATALOG)


UID = int(DeviceUID(12, 3, 0xC0DE))


def test_store_knows_a_smart_device_by_both_keys(namespace: Path, catalog: dict[str, type[Buffer]]) -> None:
    """Its identity says its type."""
    with BufferStore(catalog) as store:
        bear = store.get_or_open(UID)

        assert type(bear).__name__ == "PolarBear"
        assert store[UID] is store["polar-bear", UID] is store[DeviceUID.from_int(UID)] is bear
        assert (list(store), len(store), UID in store, ("gamepad", 0) in store) == (
            [("polar-bear", UID)],
            1,
            True,
            False,
        )
        assert bear.uid == DeviceUID(12, 3, 0xC0DE)
        assert [path.name for path in namespace.iterdir()] == [f"rt-polar-bear-{UID}"]


def test_store_opens_what_exists_and_creates_only_when_asked(namespace: Path, catalog: dict[str, type[Buffer]]) -> None:
    """A student's program must not invent devices."""
    with BufferStore(catalog) as robot, BufferStore(catalog) as student:
        with pytest.raises(DeviceBufferError):
            student["gamepad", 0]
        with pytest.raises(DeviceBufferError):
            student.get_or_open(UID, create=False)
        robot.get_or_open(("gamepad", 0)).set("button_a", True)  # noqa: FBT003

        assert student["gamepad", 0].get("button_a") is True


@pytest.mark.parametrize(
    "key",
    [
        int(DeviceUID(6, 0, 0)), 1 << 90, -1, ("nothing", 0), ("nothing", UID), ("gamepad", -1), ("gamepad", "1"),
        ("gamepad", 1.5), ("gamepad", 0, 0), "gamepad", None, 1.5,
    ],
)  # fmt: skip
def test_unknown_type_and_what_is_no_key_are_key_errors(catalog: dict[str, type[Buffer]], key: Any) -> None:
    """The catalog lacks it; `get` of a mapping counts on that."""
    store = BufferStore(catalog)

    with pytest.raises(KeyError):
        store.get_or_open(key)
    with pytest.raises(KeyError):
        store[key]
    assert store.get(key) is None
    assert key not in store


def test_store_can_be_used_again_after_it_was_closed(namespace: Path, catalog: dict[str, type[Buffer]]) -> None:
    """Names and values stay."""
    store = BufferStore(catalog)
    with store:
        first = store.get_or_open(UID)
        first.set("enc_vel", 2.5)
    assert first.closed
    assert len(store) == 0

    with store:
        assert store.get_or_open(UID).get("enc_vel") == 2.5


def test_store_lists_and_unlinks_its_own_and_nothing_else(namespace: Path, catalog: dict[str, type[Buffer]]) -> None:
    """The namespace is shared with other programs."""
    with BufferStore(catalog) as store, HostVariable("pose"), HostVariable("rt-größe"):
        store.get_or_open(UID)
        store.get_or_open(("gamepad", 1))

        assert store.present() == [("gamepad", 1), ("polar-bear", UID)]
        store.unlink_all()
        assert store.present() == []
        assert [path.name for path in namespace.iterdir()] == ["pose"]


def test_local_store_touches_no_shared_memory(namespace: Path, catalog: dict[str, type[Buffer]]) -> None:
    """Tests of students run anywhere; buffers are valid at once."""
    with BufferStore(catalog, shared=False) as store:
        with pytest.raises(DeviceBufferError):
            store[UID]
        buffer = store.get_or_open(UID)

        assert buffer.valid
        assert buffer.uid == DeviceUID(12, 3, 0xC0DE)
        assert store[UID] is buffer
    assert list(namespace.iterdir()) == []


def test_threads_get_one_buffer(monkeypatch: pytest.MonkeyPatch) -> None:
    """With a local one each, what the one sets the other would never see."""
    opens, may_open = threading.Event(), threading.Event()
    attach = Plain.attach

    def attach_late() -> Buffer:
        opens.set()
        assert may_open.wait(PATIENCE_SECONDS)
        return attach()

    monkeypatch.setattr(Plain, "attach", attach_late)
    with BufferStore({"plain": Plain}, shared=False) as store:
        found: list[Buffer] = []
        threads = [threading.Thread(target=lambda: found.append(store.get_or_open(("plain", 1)))) for _ in range(2)]
        threads[0].start()
        assert opens.wait(PATIENCE_SECONDS)
        threads[1].start()
        wait_until(lambda: process_state(os.getpid(), threads[1].native_id) == "S", "the second thread waits")
        may_open.set()
        for thread in threads:
            thread.join()

        assert found == [store["plain", 1]] * 2


def test_two_types_with_one_device_id_are_refused(catalog: dict[str, type[Buffer]]) -> None:
    """An identity would say two types."""
    twin = DeviceBuffer.make_type("twin", [], device_id=12)

    with pytest.raises(DeviceBufferError, match="one device id"):
        BufferStore({**catalog, "twin": twin})


def test_keys_of_a_catalog_become_attributes_of_the_type() -> None:
    """A catalog tunes a type, and says more about it."""
    made = BufferStore.make_catalog({"motor": {"device_id": 9, "sub_interval": 0.1, "colour": "red", "params": []}})

    assert (made["motor"].sub_interval, made["motor"].colour) == (0.1, "red")  # type: ignore[attr-defined]
    assert repr(BufferStore(made)) == "<BufferStore of 1 types: 0 shared buffers are open>"


@pytest.mark.slow
def test_store_holds_a_thousand_devices(namespace: Path, catalog: dict[str, type[Buffer]]) -> None:
    """Each takes a descriptor, so the limit of the process has to allow them."""
    resource = pytest.importorskip("resource")
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, max(soft, 4096)), hard))
    try:
        with BufferStore(catalog) as store:
            for number in range(1000):
                store.get_or_open(int(DeviceUID(0, 0, number))).set("switch0", True)  # noqa: FBT003
            assert len(store) == 1000
            assert all(buffer.get("switch0") for buffer in store.values())
            store.unlink_all()
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@given(
    st.floats(allow_nan=False, width=32),
    st.integers(0, 2**32 - 1),
    st.binary(max_size=253).filter(lambda b: 0 not in b),
)
def test_random_values_come_back(pos: float, number: int, large: bytes) -> None:
    """Whatever they are."""
    buffer = Plain.attach()
    buffer.valid = True

    with buffer.transaction():
        buffer.set("duty_cycle", pos)
        buffer.set("id", number)
        buffer.set("large", large)

    assert (buffer.get("duty_cycle"), buffer.get("id"), buffer.get("large")) == (pos, number, large)


def test_third_thread_runs_while_two_contend(namespace: Path) -> None:
    """Threads that wait for a buffer must not stall the interpreter."""
    done = threading.Event()

    with Plain.open("plain") as buffer:

        def contend() -> None:
            while not done.is_set():
                with buffer.transaction():
                    buffer.set("id", 1)

        threads = [threading.Thread(target=contend) for _ in range(2)]
        for thread in threads:
            thread.start()
        progress, deadline = 0, time.monotonic() + 0.2
        while time.monotonic() < deadline:
            progress += 1
        done.set()
        for thread in threads:
            thread.join()

    assert progress > 100
