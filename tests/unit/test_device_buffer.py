"""Smart Devices: messages in and out of a buffer."""

from __future__ import annotations

import struct
import time
import warnings
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from memlane.buffer import DeviceBuffer, DeviceBufferError, DeviceUID
from memlane.messaging import Message, MessageError, MessageType
from tests.processes.hostile_messages import bombard
from tests.unit.test_buffer import PARAMETERS, Device, parameter

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

FLAG, DUTY_CYCLE, ID, LARGE, POS = (1 << bit for bit in range(5))


@pytest.fixture(params=["shared", "local"])
def device(request: pytest.FixtureRequest, namespace: Path) -> Iterator[Any]:
    """Give a valid buffer of the test device, shared and local."""
    if request.param == "shared":
        with Device.open("device") as opened:
            yield opened
    else:
        with Device.attach() as attached:
            attached.valid = True
            yield attached


def single(value: float) -> bytes:
    """Return the four bytes of a peripheral's double."""
    return struct.pack("<f", value)


# -- messages in -----------------------------------------------------------------------------------------------


def test_data_is_stored_marked_and_stamped(device: DeviceBuffer) -> None:
    """That is what devices send most."""
    before = time.time()

    device.update(Message.make_dev_data(DUTY_CYCLE | ID, {1: single(0.5), 2: b"\x01\x02\x03\x04"}))

    assert (device.get("duty_cycle"), device.get("id")) == (0.5, 0x04030201)
    assert before <= device.last_update <= time.time()
    assert device.last_write == 0
    assert device.get_update() == {"duty_cycle": 0.5, "id": 0x04030201}
    assert device.get_update() == {}


def test_read_request_is_pending_for_readable_parameters(device: DeviceBuffer) -> None:
    """Others cannot be answered."""
    device.update(Message.make_dev_read(0xFFFF))

    assert device.get_read() == ["duty_cycle", "id", "large", "pos"]
    assert device.get_read() == []


def test_write_request_is_pending_with_its_values(device: DeviceBuffer) -> None:
    """A device that is played by a program gets it so."""
    device.update(Message.make_dev_write(FLAG | POS, {0: b"\x01", 4: single(-0.5)}))

    assert device.last_write > 0
    assert device.get_write() == {"flag": True, "pos": -0.5}
    assert device.get_write() == {}
    assert device.get("pos") == 0


@pytest.mark.parametrize(
    ("milliseconds", "limited", "warned"),
    [(0, 0, False), (1, 40, True), (40, 40, False), (100, 100, False), (250, 250, False), (251, 250, True)],
)
def test_subscription_is_of_readable_parameters_within_limits(
    device: DeviceBuffer, milliseconds: int, limited: int, *, warned: bool
) -> None:
    """A line carries no more, and a robot needs no less."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        device.update(Message.make_sub_req(0xFFFF, milliseconds))

    assert device.subscription == {"duty_cycle", "id", "large", "pos"}
    assert device.interval == limited / 1000
    assert [warning.filename for warning in caught] == [__file__] * warned


def test_subscription_response_is_what_the_device_says(device: DeviceBuffer) -> None:
    """What it reports holds, whatever was asked for."""
    device.update(Message.make_sub_res(FLAG | POS, 300, 7, 8, 9))

    assert device.subscription == {"flag", "pos"}
    assert (device.interval, device.uid) == (0.3, DeviceUID(7, 8, 9))
    assert device.make_sub_res() == Message.make_sub_res(FLAG | POS, 300, 7, 8, 9)
    assert [message.read_dev_data()[0] for message in device.emit_subscription()] == [POS]


@pytest.mark.parametrize("message", [Message.make_ping(), Message.make_hb_req(1), Message.make_error(0xFD)])
def test_other_messages_change_nothing(device: DeviceBuffer, message: Message) -> None:
    """They concern the line, not the values."""
    version = device.version

    device.update(message)

    assert device.version == version


MALFORMED = [
    Message(MessageType.DEV_DATA, b""),
    Message(MessageType.DEV_DATA, b"\x02"),
    Message(MessageType.DEV_DATA, b"\x02\x00\x00\x00\x00"),
    Message(MessageType.DEV_DATA, b"\x02\x00\x00\x00\x00\x00\x00"),
    Message(MessageType.DEV_DATA, b"\x00\x00\x00"),
    Message(MessageType.DEV_DATA, b"\x01\x00\x00"),
    Message(MessageType.DEV_DATA, b"\x20\x00\x00"),
    Message(MessageType.DEV_WRITE, b"\x02\x00" + single(1)),
    Message(MessageType.DEV_WRITE, b"\x01\x00"),
    Message(MessageType.DEV_READ, b"\x01"),
    Message(MessageType.SUB_REQ, b"\x01\x00"),
    Message(MessageType.SUB_RES, b"\x01\x00\x28\x00"),
]


@pytest.mark.parametrize("message", MALFORMED, ids=repr)
def test_malformed_payload_changes_nothing(device: DeviceBuffer, message: Message) -> None:
    """Half a message would be a state that no device was in."""
    version = device.version

    with pytest.raises(MessageError):
        device.update(message)

    assert device.version == version


@given(st.builds(Message, st.sampled_from(MessageType), st.binary(max_size=255)))
def test_no_message_does_more_than_change_values_or_raise_a_message_error(message: Message) -> None:
    """A device may be broken, and say anything."""
    buffer = Device.attach()
    buffer.valid = True

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            buffer.update(message)
        except MessageError:
            changed = 1
        else:
            changed = buffer.version

    assert changed in {1, 2}
    assert buffer.valid


def test_what_is_no_message_is_refused(device: DeviceBuffer) -> None:
    """Bytes are decoded first."""
    with pytest.raises(TypeError):
        device.update(b"\x10\x00\x10")  # type: ignore[arg-type]


# -- messages out ----------------------------------------------------------------------------------------------


def test_pending_requests_become_messages_once(device: DeviceBuffer) -> None:
    """A write first; what it answers anyway is not read besides."""
    device.write("flag", True)  # noqa: FBT003
    device.write("pos", 0.5)
    device.read(["pos", "duty_cycle", "flag"])

    messages = list(device.emit_dev_rw())

    assert messages == [
        Message(MessageType.DEV_WRITE, b"\x11\x00\x01" + single(0.5)),
        Message(MessageType.DEV_READ, b"\x02\x00"),
    ]
    assert list(device.emit_dev_rw()) == []


def test_message_has_exactly_these_bytes(device: DeviceBuffer) -> None:
    """Devices are built already."""
    device.write("flag", True)  # noqa: FBT003

    assert [message.encode().hex() for message in device.emit_dev_rw()] == ["04140301030117"]


def test_read_of_everything_leaves_out_what_is_not_readable(device: DeviceBuffer) -> None:
    """A device would answer with an error."""
    device.read()

    assert [message.read_dev_read() for message in device.emit_dev_rw()] == [DUTY_CYCLE | ID | LARGE | POS]


def test_read_of_an_unknown_parameter_is_an_error_that_names_it(device: DeviceBuffer) -> None:
    """It is a typing error."""
    with pytest.raises(DeviceBufferError, match="nothing"):
        device.read(["pos", "nothing"])

    assert device.get_read() == []


def test_newer_request_replaces_one_that_was_not_sent(device: DeviceBuffer) -> None:
    """Motors want the last word."""
    device.write("pos", 0.5)
    device.write("pos", 0.25)

    assert device.get_write() == {"pos": 0.25}


def test_refused_write_leaves_no_trace(device: DeviceBuffer) -> None:
    """Not even a time."""
    with pytest.raises(TypeError):
        device.write("pos", "fast")

    assert (device.last_write, device.get_write()) == (0, {})


def test_values_that_do_not_fit_one_message_are_split_in_the_order_of_ids(device: DeviceBuffer) -> None:
    """The old system was jammed by them."""
    device.write("pos", 0.5)
    device.write("large", b"x" * 253)
    device.write("flag", True)  # noqa: FBT003

    messages = list(device.emit_dev_rw())

    assert messages == [
        Message(MessageType.DEV_WRITE, b"\x01\x00\x01"),
        Message(MessageType.DEV_WRITE, b"\x08\x00" + b"x" * 253),
        Message(MessageType.DEV_WRITE, b"\x10\x00" + single(0.5)),
    ]


def test_value_that_can_never_fit_does_not_jam_the_others() -> None:
    """It is an error for itself, after all messages."""
    kind = DeviceBuffer.make_type("wide", [*PARAMETERS, parameter("huge", "char[254]", 5, writeable=True)])
    buffer = kind.attach()
    buffer.valid = True
    buffer.write("huge", b"x")
    buffer.write("pos", 0.5)
    emitted = buffer.emit_dev_rw()

    assert next(emitted) == Message(MessageType.DEV_WRITE, b"\x10\x00" + single(0.5))
    with pytest.raises(MessageError, match="'huge'") as caught:
        next(emitted)
    assert caught.value.context["params"] == ["huge"]
    assert list(buffer.emit_dev_rw()) == []


def test_updated_values_are_reported_unless_they_are_subscribed(device: DeviceBuffer) -> None:
    """Those are reported at their interval anyway."""
    device.update(Message.make_sub_req(POS, 40))
    device.set("pos", 0.5)
    device.set("id", 7)

    assert list(device.emit_dev_data()) == [Message(MessageType.DEV_DATA, b"\x04\x00\x07\x00\x00\x00")]
    assert list(device.emit_dev_data()) == []
    assert device.get_update() == {}
    assert list(device.emit_subscription()) == [Message(MessageType.DEV_DATA, b"\x10\x00" + single(0.5))]
    assert list(device.emit_subscription()) == [Message(MessageType.DEV_DATA, b"\x10\x00" + single(0.5))]


def test_subscription_request_has_the_defaults_of_the_type() -> None:
    """A catalog says what a robot wants to know, and how often."""
    params = [*PARAMETERS[:4], parameter("pos", "double", 4, subscribed=False)]
    buffer = DeviceBuffer.make_type("quiet", params, sub_interval=0.1).attach()

    assert buffer.make_sub_req() == Message.make_sub_req(DUTY_CYCLE | ID | LARGE, 100)
    assert buffer.make_sub_req(["pos", "flag"], 0.04) == Message.make_sub_req(POS, 40)
    assert buffer.make_sub_req([], 0) == Message.make_unsubscribe()
    with pytest.raises(DeviceBufferError, match="nothing"):
        buffer.make_sub_req(["nothing"])


def test_requests_of_a_peer_are_seen_here(namespace: Path) -> None:
    """That is the use: one process has the line, others the ideas."""
    with Device.open("device") as server, Device.open("device", create=False) as student:
        student.write("pos", 0.5)
        student.read(["id"])
        server.set("duty_cycle", 0.25)

        assert student.get("duty_cycle") == 0.25
        assert server.get_write() == {"pos": 0.5}
        assert student.get_read() == ["id"]
        assert server.wait(requests=True, timeout=0) == {"pos", "id"}


def test_hostile_frames_are_digested_or_refused() -> None:
    """A line carries noise; the long form is ``python -m tests.processes.hostile_messages``."""
    outcomes = bombard(seed=7, rounds=2000)

    assert set(outcomes) == {"digested", "refused"}
