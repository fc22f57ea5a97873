"""Smart Device messages: the bytes of the protocol, and what is refused."""

from __future__ import annotations

import ctypes
import pickle
import subprocess
import sys
from functools import reduce
from operator import xor
from typing import Any

import pytest
from cobs import cobs
from hypothesis import example, given
from hypothesis import strategies as st

from memlane.messaging import ErrorCode, Message, MessageError, MessageType, ParameterMap

VECTORS = {
    "PING": (Message.make_ping(), "02100210"),
    "SUB_REQ": (Message.make_sub_req(0xFFFF, 0x0080), "061104ffff800295"),
    "SUB_RES": (Message.make_sub_res(0xFFFF, 0x0080, 0, 0, 0), "06120fffff800101010101010101010101029d"),
    "DEV_READ": (Message.make_dev_read(7), "041302070216"),
    "DEV_WRITE": (Message.make_dev_write(1, {0: b"\x01"}), "04140301030117"),
    "DEV_DATA": (Message.make_dev_data(1, {0: b"\x00"}), "04150301010217"),
    "DEV_DISABLE": (Message.make_dev_disable(), "02160216"),
    "HB_REQ": (Message.make_hb_req(0xFF), "051701ffe9"),
    "ERROR": (Message.make_error(ErrorCode.UNEXPECTED_DELIMITER), "05ff01fd03"),
}

messages = st.builds(Message, st.sampled_from(MessageType), st.binary(max_size=255))


def frame_of(packet: bytes) -> bytes:
    """Put bytes into a frame, whatever they say."""
    framed: bytes = cobs.encode(packet)
    return framed


def sealed(content: bytes) -> bytes:
    """Add the right checksum."""
    return content + bytes([reduce(xor, content, 0)])


def refusal(frame: bytes) -> Any:
    """Return the error code for a frame that is refused."""
    with pytest.raises(MessageError) as caught:
        Message.decode(frame)
    return caught.value.context["code"]


@pytest.mark.parametrize(("message", "encoded"), VECTORS.values(), ids=VECTORS.keys())
def test_message_has_the_bytes_of_the_protocol(message: Message, encoded: str) -> None:
    """Devices are built already; they understand these bytes and no others."""
    assert message.encode().hex() == encoded
    assert Message.decode(bytes.fromhex(encoded)) == message


@pytest.mark.parametrize(("name", "vector"), VECTORS.items())
def test_message_knows_its_type(name: str, vector: tuple[Message, str]) -> None:
    """The reader of a stream decides by it."""
    assert vector[0].type is MessageType[name]


@given(messages)
@example(Message(MessageType.DEV_DATA, bytes(255)))
@example(Message(MessageType.DEV_DATA, b"\x01" * 255))
def test_every_message_survives_the_wire(message: Message) -> None:
    """What is decoded is what was encoded, and no delimiter is inside."""
    encoded = message.encode()

    assert Message.decode(encoded) == message
    assert 0 not in encoded
    assert len(encoded) <= Message.MAX_ENCODING_SIZE


@given(st.binary(max_size=600))
@example(b"")
@example(b"\x00")
@example(b"\xff" * 300)
def test_decoding_raises_nothing_but_message_errors(frame: bytes) -> None:
    """A line carries noise; the program that reads it must go on."""
    try:
        message = Message.decode(frame)
    except MessageError as refused:
        code = refused.context["code"]
    else:
        assert Message.decode(message.encode()) == message
        code = ErrorCode.OK

    assert isinstance(code, ErrorCode)


@given(messages, st.data())
def test_one_damaged_bit_is_never_taken_for_another_message_of_the_same_length(message: Message, data: Any) -> None:
    """The checksum has to see what a line does most often."""
    packet = bytearray(sealed(bytes([message.type, len(message)]) + message.payload))
    bit = data.draw(st.integers(0, 8 * len(packet) - 1))

    packet[bit // 8] ^= 1 << bit % 8

    with pytest.raises(MessageError):
        Message.decode(frame_of(bytes(packet)))


@pytest.mark.parametrize(
    ("frame", "code"),
    [
        (b"", ErrorCode.GENERIC_ERROR),
        (frame_of(b"\x10\x00"), ErrorCode.GENERIC_ERROR),
        (frame_of(sealed(b"\x10" + bytes(258))), ErrorCode.BUFFER_OVERFLOW),
        (frame_of(b"\x10\x00\x11"), ErrorCode.BAD_CHECKSUM),
        (frame_of(sealed(b"\x10\x01")), ErrorCode.GENERIC_ERROR),
        (frame_of(sealed(b"\x11\x03\x00\x00\x00\x00")), ErrorCode.GENERIC_ERROR),
        (frame_of(sealed(b"\x42\x00")), ErrorCode.INVALID_TYPE),
        (b"\x02\x10\x00\x10", ErrorCode.UNEXPECTED_DELIMITER),
        (b"\x09\x10", ErrorCode.UNEXPECTED_DELIMITER),
    ],
    ids=["empty", "short", "long", "checksum", "payload missing", "payload cut", "type", "delimiter", "block cut"],
)
def test_refusal_has_its_code(frame: bytes, code: ErrorCode) -> None:
    """A device is told why its message was refused."""
    assert refusal(frame) is code


def test_older_spelling_of_a_code_is_the_same_code() -> None:
    """Programs of the old system use it."""
    assert ErrorCode["UNEXPECTED_DELIMETER"] is ErrorCode.UNEXPECTED_DELIMITER


READERS = {
    "ping": (),
    "sub_req": (0x0102, 40),
    "sub_res": (0x0102, 40, 5, 6, 7),
    "dev_read": (0x0102,),
    "dev_disable": (),
    "hb_req": (7,),
    "hb_res": (8,),
    "error": (ErrorCode.BACKOFF,),
    "unsubscribe": (),
}


@pytest.mark.parametrize("name", READERS)
def test_fields_are_read_as_they_were_made(name: str) -> None:
    """Each maker has its reader."""
    expected = {"sub_res": (0x0102, 40, (5, 6, 7)), "ping": None, "dev_disable": None, "unsubscribe": None}
    arguments = READERS[name]

    read = getattr(getattr(Message, f"make_{name}")(*arguments), f"read_{name}")()

    assert read == expected.get(name, arguments if len(arguments) > 1 else arguments[0] if arguments else None)


@pytest.mark.parametrize("reader", [*READERS, "dev_write", "dev_data"])
@pytest.mark.parametrize("damage", ["type", "length"])
def test_reading_refuses_another_type_or_length(reader: str, damage: str) -> None:
    """Fields of another message would be nonsense with a meaning."""
    name = "SUB_REQ" if reader == "unsubscribe" else reader.upper()
    other = MessageType.PING if name != "PING" else MessageType.ERROR
    too_short = {"PING": b"\x00", "DEV_DISABLE": b"\x00"}.get(name, b"")
    message = Message(MessageType[name], too_short) if damage == "length" else Message(other)

    with pytest.raises(MessageError):
        getattr(message, f"read_{reader}")()


@pytest.mark.parametrize(
    "make",
    [
        lambda: Message.make_sub_req(0x10000, 40),
        lambda: Message.make_sub_req(1, -1),
        lambda: Message.make_sub_res(1, 40, 0, 256, 0),
        lambda: Message.make_sub_res(1, 40, 0, 0, 1 << 64),
        lambda: Message.make_hb_req(256),
        lambda: Message.make_error(-1),
        lambda: Message.make_dev_write(-1, {}),
        lambda: Message.make_dev_write(2, {0: b"\x00"}),
        lambda: Message.make_dev_data(1, {0: bytes(254)}),
        lambda: Message(MessageType.DEV_DATA, bytes(256)),
        lambda: Message(0x42),
    ],
)
def test_making_refuses_what_no_message_can_carry(make: Any) -> None:
    """A field that wraps around would be sent as another value."""
    with pytest.raises(MessageError):
        make()


@pytest.mark.parametrize(
    "make",
    [
        lambda: Message(MessageType.DEV_DATA, 5),  # type: ignore[arg-type]
        lambda: Message(MessageType.DEV_DATA, "text"),  # type: ignore[arg-type]
        lambda: Message.make_dev_write(1, {0: 5}),  # type: ignore[dict-item]
        lambda: Message.make_sub_req(1, 40.0),  # type: ignore[arg-type]
        lambda: Message.make_dev_read("1"),  # type: ignore[arg-type]
    ],
)
def test_making_refuses_what_is_of_another_type(make: Any) -> None:
    """Of a number `bytes` makes so many zeros, and a device would be sent them."""
    with pytest.raises(TypeError, match="is bytes, not|is an integer, not"):
        make()


def test_longest_value_fits_exactly() -> None:
    """A device has a parameter of 253 bytes."""
    message = Message.make_dev_data(0x0008, {3: bytes(253)})

    assert len(message) == 255
    assert message.read_dev_data() == (0x0008, bytes(253))


def test_values_go_out_in_the_order_of_ids_and_come_back_to_their_places() -> None:
    """The bitmap is all that says which value is whose."""
    sent = ParameterMap()
    sent.set_param(5, b"\x05\x06")
    sent.set_param(1, b"\x01")
    message = Message.make_dev_write(0b100010, sent)
    first, second = bytearray(1), bytearray(2)

    params = message.read_dev_write(ParameterMap({1: first, 5: second}))

    assert message.payload == b"\x22\x00\x01\x05\x06"
    assert (params, bytes(first), bytes(second)) == (0b100010, b"\x01", b"\x05\x06")


def test_values_can_lie_at_addresses() -> None:
    """Programs of the old system give fields of ctypes structures by address and size."""
    source, target = ctypes.c_uint32(0x01020304), ctypes.c_uint32(0)
    sent, received = ParameterMap(), ParameterMap()
    sent.set_param(0, ctypes.addressof(source), 4)
    received.set_param(0, ctypes.addressof(target), 4)

    params = Message.make_dev_data(1, sent).read_dev_data(received)

    assert (params, target.value) == (1, 0x01020304)


@pytest.mark.parametrize(
    "values", [{0: bytearray(1)}, {0: bytearray(1), 1: bytearray(3)}, {0: bytearray(1), 1: bytes(2)}]
)
def test_values_that_do_not_fit_their_places_change_nothing(values: dict[int, bytearray]) -> None:
    """Half a message in the places of a whole one is worse than none."""
    message = Message.make_dev_data(0b11, {0: b"\xff", 1: b"\xff\xff"})

    with pytest.raises(MessageError):
        message.read_dev_data(ParameterMap(values))

    assert not any(values[0])


def test_parameters_are_set_and_cleared_by_ids_of_a_smart_device() -> None:
    """A bitmap has sixteen bits."""
    places = ParameterMap({3: b"\x01"})
    places.clear_param(3)
    places.clear_param(3)

    assert dict(places) == {}
    for index in (-1, 16):
        with pytest.raises(MessageError):
            places.set_param(index, b"")
        with pytest.raises(MessageError):
            places.clear_param(index)


def test_messages_are_values() -> None:
    """They are compared, kept in sets, shown and sent to other processes."""
    message = Message.make_dev_read(7)

    assert message == Message.make_dev_read(7)
    assert message != Message.make_dev_read(8)
    assert message != "DEV_READ"
    assert len({message, Message.make_dev_read(7)}) == 1
    assert pickle.loads(pickle.dumps(message)) == message
    assert repr(message) == "<Message DEV_READ 07 00>"
    assert repr(Message.make_ping()) == "<Message PING without payload>"
    assert (len(message), len(Message.make_ping())) == (2, 0)
    assert repr(ParameterMap({1: b"\x00"})) == "<ParameterMap, bytes by id: {1: 1}>"


def test_error_shows_and_keeps_its_context() -> None:
    """A log has the text, a handler needs the numbers; workers send both to their parents."""
    with pytest.raises(MessageError) as caught:
        Message.decode(frame_of(b"\x10\x00\x11"))

    copy = pickle.loads(pickle.dumps(caught.value))

    assert repr(copy) == repr(caught.value)
    assert copy.context == {"code": ErrorCode.BAD_CHECKSUM, "size": 3}
    assert "code=<ErrorCode.BAD_CHECKSUM: 254>, size=3" in repr(copy)


def test_missing_package_is_named_with_the_way_to_it() -> None:
    """Buffers work without it; the first who needs the wire is told what to install."""
    program = (
        "import sys; sys.modules['cobs'] = None\n"
        "import memlane; from memlane.messaging import Message\n"
        "try: Message.make_ping().encode()\n"
        "except memlane.MissingDependency as error: print(error)"
    )

    answer = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout

    assert "memlane[devices]" in answer
