"""The byte channel, within one process: the document's interface and what was added to it."""

from __future__ import annotations

import ctypes
import io
import logging
import pickle
import signal
import threading
from typing import TYPE_CHECKING

import numpy as np
import pytest

import memlane
import memlane.channel as smipc
from memlane import CHAN_R, CHAN_W, Channel, OppositeEndClosedError, Timeout, open_channel
from tests.peer import wait_until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from typing_extensions import Buffer

    from memlane._native.span import Span
    from memlane.listener import Listener


@pytest.fixture
def ends(namespace: Path) -> Iterator[tuple[Channel, Channel]]:
    """Give writer and reader of a channel of 16 bytes."""
    with open_channel("c", CHAN_W, 16) as writer, open_channel("c", CHAN_R) as reader:
        yield writer, reader


# -- opening -------------------------------------------------------------------------------------------------


def test_document_example_works_before_any_reader_exists(namespace: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The old sender: open, print the status, write."""
    with open_channel(b"test-chan", CHAN_W, 20) as c:
        c.print_status()
        c.write(bytes([32, 22, 65]))

    line = capsys.readouterr().out
    assert line.startswith("Channel(test-chan): mode=W hSharedMem=")
    assert " listener=0 syncBuf={RO=0 WO=1 RC=0 WC=0 hREvt=" in line
    assert line.endswith(" bufSz=20 rc=0 wc=0 state=empty}\n")
    with open_channel(b"test-chan", CHAN_R) as c:
        buffer = ctypes.create_string_buffer(8)
        assert (c.read(buffer, 8), buffer.raw[:3]) == (3, bytes([32, 22, 65]))


def test_status_tells_ends_cursors_and_state(ends: tuple[Channel, Channel]) -> None:
    """Each documented field, as it changes."""
    writer, reader = ends
    writer.write(b"0123456789abcdef")

    full = writer.status()
    reader.read_bytes(6)
    reader.close()
    normal = writer.status()

    assert (full.mode, full.RO, full.WO, full.RC, full.WC) == ("W", True, True, False, False)
    assert (full.bufSz, full.rc, full.wc, full.state) == (16, 0, 16, "full")
    assert (normal.RO, normal.RC, normal.rc, normal.state) == (False, True, 6, "normal")
    assert "RO=0 WO=1 RC=1 WC=0" in str(normal)


@pytest.mark.parametrize("size", [999, 0, -1, 1 << 60, -(10**30)])
def test_size_of_an_existing_channel_is_kept(ends: tuple[Channel, Channel], size: int) -> None:
    """The document: chanSz only makes sense when a channel is created."""
    ends[1].close()

    with open_channel("c", CHAN_R, size) as reader:
        assert reader.status().bufSz == 16


def test_numbers_of_other_types_open_a_channel(namespace: Path) -> None:
    """Sizes come out of numpy, and are no ``int`` then."""
    with open_channel("c", np.uint8(CHAN_W), np.prod((4, 5))) as writer:  # type: ignore[arg-type]
        assert (writer.status().mode, writer.status().bufSz) == ("W", 20)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ((5, CHAN_R), memlane.ParameterTypeError, "cid is str or bytes, not int"),
        (("c", "r"), memlane.ParameterTypeError, "mode is CHAN_R or CHAN_W, not str"),
        (("c", CHAN_R, b"1"), memlane.ParameterTypeError, "chanSz is a number of bytes, not bytes"),
        (("c", 2), ValueError, r"mode=2 is neither CHAN_R \(0\) nor CHAN_W \(1\)"),
        (("c", CHAN_R, 0), memlane.InvalidArgument, "'c': chanSz=0 is not positive: give 1 byte or more"),
        (("c", CHAN_R, -5), memlane.InvalidArgument, "'c': chanSz=-5 is not positive: give 1 byte or more"),
        (("c", CHAN_R, 1 << 60), memlane.InvalidArgument, "a size of 1152921504606846976 bytes is not between 1 and"),
        (("c", CHAN_R, 1.5), memlane.ParameterTypeError, "chanSz is a number of bytes, not float"),
        (("a/b", CHAN_R), memlane.InvalidName, "a/b"),
    ],
)
def test_wrong_arguments_are_refused(
    namespace: Path, arguments: tuple[object, ...], error: type[Exception], message: str
) -> None:
    """The message says what was given, and what can be."""
    with pytest.raises(error, match=message):
        open_channel(*arguments)  # type: ignore[arg-type]


def test_channel_of_another_kind_is_refused(namespace: Path) -> None:
    """Kinds do not share names."""
    message = "'pose' is a variable, and was opened as a channel"
    with memlane.HostVariable("pose"), pytest.raises(memlane.KindMismatch, match=message):
        open_channel("pose", CHAN_R)
    with pytest.raises(memlane.ObjectNotFound):
        open_channel("missing", CHAN_R, create=False)


def test_channel_goes_with_its_last_end_unless_bytes_are_in_it(namespace: Path) -> None:
    """A file that nobody needs must not stay behind; one that holds bytes must."""
    with open_channel("c", CHAN_W) as writer:
        writer.write(b"kept")
    assert [path.name for path in namespace.iterdir()] == ["c"]

    with open_channel("c", CHAN_R) as reader:
        assert reader.read_bytes(4) == b"kept"

    assert list(namespace.iterdir()) == []


def test_persistent_channel_stays(namespace: Path) -> None:
    """Whoever asks for it gets it, and unlinks it."""
    open_channel("c", CHAN_W, persistent=True).close()

    with open_channel("c", CHAN_R, create=False) as reader:
        reader.unlink()
        assert not reader.is_current
        with pytest.raises(memlane.ObjectNotFound, match="removed already"):
            reader.unlink()


# -- writing and reading ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("data", [b"bytes", bytearray(b"bytes"), memoryview(b"bytes")])
def test_anything_bytes_like_is_written(ends: tuple[Channel, Channel], data: bytes) -> None:
    """Programs have their bytes in many shapes."""
    assert ends[0].write(data) == 5

    assert ends[1].read_bytes(5) == b"bytes"


def test_write_that_times_out_says_how_much_went_in(ends: tuple[Channel, Channel]) -> None:
    """Without the number a program could not go on."""
    with pytest.raises(Timeout, match="room for 1 bytes did not come in time") as caught:
        ends[0].write(b"x" * 20, timeout=0.01)

    assert caught.value.written == 16
    with pytest.raises(Timeout) as caught:
        ends[0].write(b"x", timeout=0)
    assert caught.value.written == 0
    assert ends[0].position == 16


def test_write_whose_turn_did_not_come_wrote_nothing(ends: tuple[Channel, Channel]) -> None:
    """A writer that counts by `written` must find a number there."""
    writer, reader = ends
    with writer.reserve(1):
        assert written_by_another_thread(lambda: writer.write(b"a" * 70_000, timeout=0.01)) == [0]
    assert reader.read(bytearray(16), 16) == 1


def written_by_another_thread(write: Callable[[], object]) -> list[int | None]:
    """Return what the timeout of a write there says was written."""
    written: list[int | None] = []

    def run() -> None:
        with pytest.raises(Timeout) as caught:
            write()
        written.append(caught.value.written)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    return written


def test_write_some_writes_what_fits(ends: tuple[Channel, Channel]) -> None:
    """For programs that never wait."""
    assert ends[0].write_some(b"x" * 10) == 10
    assert ends[0].write_some(b"x" * 10) == 6
    assert ends[0].write_some(b"x" * 10) == 0
    ends[1].close()
    with pytest.raises(OppositeEndClosedError, match="the reader closed"):
        ends[0].write_some(b"x")


def test_read_takes_what_is_there_and_says_how_much(ends: tuple[Channel, Channel]) -> None:
    """The document's read, which does not block."""
    buffer = bytearray(8)

    assert ends[1].read(buffer, 8) == 0
    ends[0].write(b"abc")
    assert ends[1].read(buffer, 2) == 2
    assert ends[1].read(buffer, 8) == 1
    assert bytes(buffer) == b"cb" + bytes(6)


def test_reading_more_than_the_buffer_holds_is_refused(ends: tuple[Channel, Channel]) -> None:
    """A buffer that is too small must not be overrun, nor bytes vanish."""
    with pytest.raises(ValueError, match="n=9 bytes into a buffer of 8"):
        ends[1].read(bytearray(8), 9)
    with pytest.raises(ValueError, match="n=-1 bytes into a buffer of 8"):
        ends[1].read(bytearray(8), -1)
    with pytest.raises(ValueError, match="n=-1 bytes cannot be read"):
        ends[1].read_bytes(-1)
    with pytest.raises(ValueError, match=f"n={10**30} bytes into a buffer of 8"):
        ends[1].read(bytearray(8), 10**30)
    with pytest.raises(ValueError, match=f"n={10**30} bytes cannot be read"):
        ends[1].read_bytes(10**30)
    with pytest.raises(memlane.ParameterTypeError, match=r"n=1.5 is float: give a whole number of bytes"):
        ends[1].read_bytes(1.5)  # type: ignore[arg-type]
    with pytest.raises(memlane.ParameterTypeError, match="writable bytes-like objects, not bytes"):
        ends[1].read(b"12345678", 8)
    with pytest.raises(memlane.ParameterTypeError, match="bytes-like objects, not str"):
        ends[0].write("text")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="say blocking=True too"):
        ends[1].read(bytearray(8), 8, timeout=1)
    with pytest.raises(ValueError, match="timeout=-1"):
        ends[1].read_bytes(1, timeout=-1)


@pytest.mark.parametrize("scattered", [memoryview(bytearray(8))[::2], np.zeros((2, 2), order="F")], ids=["steps", "F"])
def test_bytes_that_lie_in_pieces_are_refused(ends: tuple[Channel, Channel], scattered: Buffer) -> None:
    """They are bytes-like: the message must say what is wrong with them."""
    writer, reader = ends

    uses: list[Callable[[], object]] = [
        lambda: writer.write(scattered),
        lambda: reader.read(scattered, 1),
        lambda: reader.readinto(scattered),
    ]
    for use in uses:
        with pytest.raises(memlane.ParameterTypeError, match="do not lie in one piece, in their order: use one whose"):
            use()


def test_memory_that_was_given_back_is_no_wrong_type(ends: tuple[Channel, Channel]) -> None:
    """What Python says of it tells more."""
    view = memoryview(b"x")
    view.release()

    with pytest.raises(ValueError, match="released memoryview"):
        ends[0].write(view)


def test_wrong_direction_is_refused(ends: tuple[Channel, Channel]) -> None:
    """A reader cannot write, nor a writer read."""
    with pytest.raises(ValueError, match="this end was opened for reading only"):
        ends[1].write(b"x")
    with pytest.raises(ValueError, match="this end was opened for writing only"):
        ends[0].read_bytes(1)
    with pytest.raises(ValueError, match="this end was opened for writing only"):
        ends[0].read_async(print)


def test_blocking_read_that_times_out_leaves_all_for_the_next(ends: tuple[Channel, Channel]) -> None:
    """More than the channel holds comes in pieces, and pieces must not be lost."""
    writer, reader = ends
    writer.write(b"0123456789abcdef")
    with pytest.raises(Timeout):
        reader.read_bytes(20, timeout=0.01)
    assert reader.position == 0

    writer.write(b"ghij")

    assert reader.read(bytearray(3), 3) == 3
    assert reader.position == 3
    assert reader.read_bytes(17) == b"3456789abcdefghij"


def test_reads_at_the_end_of_the_stream(ends: tuple[Channel, Channel]) -> None:
    """Fewer bytes at the end, then the error, each time."""
    writer, reader = ends
    writer.write(b"abc")
    writer.close()

    assert reader.read_bytes(10) == b"abc"
    for _ in range(2):
        with pytest.raises(OppositeEndClosedError, match="the writer closed and 0 bytes are left"):
            reader.read_bytes(1)
        with pytest.raises(BrokenPipeError):
            reader.read(bytearray(1), 1)
    assert reader.readinto(bytearray(1)) == 0
    assert list(reader) == []


def test_reader_that_came_late_waits_for_a_writer(namespace: Path) -> None:
    """A writer that left before this reader came is none of its business."""
    with open_channel("c", CHAN_W, persistent=True):
        pass

    with open_channel("c", CHAN_R) as reader:
        with pytest.raises(Timeout):
            reader.read_bytes(1, timeout=0.01)
        assert reader.read(bytearray(1), 1) == 0
        reader.unlink()


def test_files_over_a_channel_read_lines(ends: tuple[Channel, Channel]) -> None:
    """`io.BufferedReader` over it works."""
    ends[0].write(b"one\ntwo\nthree")
    ends[0].close()

    with io.BufferedReader(ends[1]) as file:  # type: ignore[type-var]
        assert list(file) == [b"one\n", b"two\n", b"three"]

    assert ends[1].closed


def test_files_over_a_channel_read_to_the_end(ends: tuple[Channel, Channel]) -> None:
    """``read()`` of files asks for all that ever comes, which may be more than the channel holds."""
    text = "a line, and another\n" * 50

    def send() -> None:
        with io.TextIOWrapper(io.BufferedWriter(ends[0]), encoding="utf-8") as file:  # type: ignore[type-var]
            file.write(text)

    thread = threading.Thread(target=send)
    thread.start()
    with io.TextIOWrapper(io.BufferedReader(ends[1]), encoding="utf-8") as file:  # type: ignore[type-var]
        assert file.readline() == "a line, and another\n"
        assert file.read() == text.removeprefix("a line, and another\n")
        assert file.read() == ""
    thread.join()


# -- in place --------------------------------------------------------------------------------------------------


def test_reserve_publishes_at_a_good_end_only(ends: tuple[Channel, Channel]) -> None:
    """Half of a record must not be published by an exception."""
    writer, reader = ends
    with pytest.raises(ZeroDivisionError), writer.reserve(4) as view:
        view[:] = b"lost"
        _ = 1 / 0
    for _ in range(10):  # around the end of the ring
        with writer.reserve(5) as view:
            assert len(view) == 5
            view[:] = b"piece"
        assert reader.read_bytes(5) == b"piece"
    writer.write(b"x")
    with pytest.raises(Timeout):
        writer.reserve(16, timeout=0)


def test_peek_consumes_at_a_good_end_only(ends: tuple[Channel, Channel]) -> None:
    """Who fails to handle bytes must find them again."""
    writer, reader = ends
    for _ in range(10):
        writer.write(b"piece")
        with pytest.raises(ZeroDivisionError), reader.peek(5) as view:
            assert bytes(view) == b"piece"
            _ = 1 / 0
        with reader.peek(5) as view:
            assert view.readonly
            assert bytes(view) == b"piece"
    with pytest.raises(Timeout):
        reader.peek(timeout=0)


@pytest.mark.parametrize(
    ("n", "error", "message"),
    [
        (0, ValueError, "n=0 bytes cannot be taken in place: give 1 or more"),
        (-(10**30), ValueError, "give 1 or more"),
        (17, memlane.InvalidArgument, "17 bytes in one piece were asked for, it has 16"),
        (2**64, memlane.InvalidArgument, "18446744073709551616 bytes in one piece were asked for, it has 16"),
        (10**30, memlane.InvalidArgument, f"{10**30} bytes in one piece were asked for, it has 16"),
        (1.5, memlane.ParameterTypeError, "n=1.5 is float: give a whole number of bytes"),
        ("1", memlane.ParameterTypeError, "n='1' is str: give a whole number of bytes"),
    ],
)
def test_sizes_in_place_that_cannot_be_are_refused(
    ends: tuple[Channel, Channel], n: object, error: type[Exception], message: str
) -> None:
    """A number is never cut to one that fits; the message says what was asked and what is there."""
    writer, reader = ends

    for take in (writer.reserve, reader.peek):
        with pytest.raises(error, match=message):
            take(n)  # type: ignore[arg-type]


def test_a_reservation_without_a_size_is_refused(ends: tuple[Channel, Channel]) -> None:
    """None asks a peek for what is there; for room it says nothing."""
    with pytest.raises(memlane.ParameterTypeError, match="n=None is NoneType: give a whole number of bytes"):
        ends[0].reserve(None)  # type: ignore[arg-type]


def test_bytes_in_place_keep_their_end_busy(ends: tuple[Channel, Channel]) -> None:
    """A write into a reservation would mix the two."""
    with ends[0].reserve(4) as view:
        with pytest.raises(memlane.EndpointBusy, match="in use in place"):
            ends[0].write(b"x")
        view[:] = b"mine"
    with ends[1].peek(), pytest.raises(memlane.EndpointBusy):
        ends[1].read_bytes(1)
    for take in (ends[0].reserve, ends[1].peek):
        with pytest.raises(memlane.InvalidArgument, match="17 bytes in one piece were asked for, it has 16"):
            take(17)
        with pytest.raises(ValueError, match="n=0 bytes cannot be"):
            take(0)


def test_bytes_in_place_can_be_given_back_by_another_thread(ends: tuple[Channel, Channel]) -> None:
    """Whoever collects garbage drops them: the end must not stay busy with a thread that is gone."""
    writer, reader = ends
    writer.write(b"abcdef")
    spans: list[Span] = []

    def look_from_another_thread() -> None:
        thread = threading.Thread(target=lambda: spans.append(reader.peek(3)))
        thread.start()
        thread.join()

    look_from_another_thread()
    with spans.pop() as view:
        assert bytes(view) == b"abc"
    look_from_another_thread()
    spans.clear()

    assert reader.read_bytes(3, timeout=20) == b"def"


def leave_unread(writer: Channel, reader: Channel, data: bytes) -> None:
    """Let a reading of more than the channel holds fail in its midst: its bytes stay for the next one."""
    writer.write(data)
    with pytest.raises(Timeout):
        reader.read_bytes(20, timeout=0)
    assert reader.position == 0


@pytest.mark.parametrize("n", [None, 4, 10, 16])
def test_peek_begins_with_what_a_failed_reading_left(ends: tuple[Channel, Channel], n: int | None) -> None:
    """The stream has one order, whichever way it is read; an exception leaves all of it, too."""
    writer, reader = ends
    leave_unread(writer, reader, b"0123456789")
    writer.write(b"abcdefgh")
    stream = b"0123456789abcdefgh"
    count = 10 if n is None else n

    with pytest.raises(ZeroDivisionError), reader.peek(n) as view:
        assert bytes(view) == stream[:count]
        _ = 1 / 0
    with reader.peek(n, timeout=0) as view:
        assert view.readonly
        assert bytes(view) == stream[:count]

    assert reader.position == count
    assert reader.read_bytes(18 - count, timeout=0) == stream[count:]


def test_peek_takes_no_more_than_it_can_show(ends: tuple[Channel, Channel]) -> None:
    """What did not come in time, or never will, leaves what is there to the next reading."""
    writer, reader = ends
    leave_unread(writer, reader, b"0123456789")
    writer.write(b"ab")

    with pytest.raises(Timeout):
        reader.peek(13, timeout=0)
    writer.close()
    with pytest.raises(memlane.OppositeEndClosedError):
        reader.peek(13)

    assert reader.readall() == b"0123456789ab"


@pytest.mark.parametrize("n", [4, 12])
def test_bytes_that_were_left_keep_their_end_busy_in_place(ends: tuple[Channel, Channel], n: int) -> None:
    """Two takers of the same bytes would each believe that they are theirs."""
    writer, reader = ends
    leave_unread(writer, reader, b"0123456789")
    writer.write(b"ab")
    calls: list[Callable[[], object]] = [
        lambda: reader.read(bytearray(4), 4),
        lambda: reader.read_bytes(4),
        lambda: reader.readinto(bytearray(4)),
        lambda: next(reader),
        reader.readall,
        reader.peek,
        lambda: reader.read_async(print),
    ]

    span = reader.peek(n)
    del span
    with reader.peek(n) as view:
        for call in calls:
            with pytest.raises(memlane.EndpointBusy, match="in use in place"):
                call()
        assert bytes(view) == b"0123456789ab"[:n]

    assert reader.read_bytes(12 - n) == b"0123456789ab"[n:]


def test_parts_that_outlive_the_block_stop_it(ends: tuple[Channel, Channel]) -> None:
    """A slice that is still in use would see bytes of others."""
    with pytest.raises(BufferError, match="nothing was published or consumed"), ends[0].reserve(4) as view:
        kept = view[:2]
    assert ends[0].position == 0
    kept.release()


# -- listening -------------------------------------------------------------------------------------------------


def test_listener_has_the_reading_to_itself_until_it_stops(ends: tuple[Channel, Channel]) -> None:
    """Two takers would each get holes."""
    writer, reader = ends
    received: list[bytes] = []

    with reader.read_async(received.append) as listener:
        writer.write(b"x" * 100)
        wait_until(lambda: sum(map(len, received)) == 100, "all was received")
        assert reader.status().listener
        for call in (lambda: reader.read_bytes(1), lambda: reader.read_async(print), reader.peek):
            with pytest.raises(memlane.EndpointBusy, match="a callback gets its bytes"):
                call()

    assert not listener.running
    writer.write(b"after")
    assert reader.read_bytes(5) == b"after"


def test_listener_begins_with_what_a_failed_reading_left(ends: tuple[Channel, Channel]) -> None:
    """In the order of the stream; a callback that raises has not consumed it."""
    writer, reader = ends
    leave_unread(writer, reader, b"0123456789")
    writer.write(b"abc")
    received: list[bytes] = []

    def refuse(data: bytes) -> None:
        raise ZeroDivisionError(data)

    failing = reader.read_async(refuse)
    wait_until(lambda: not failing.running, "the listener ended")
    assert reader.position == 0
    with reader.read_async(received.append):
        wait_until(lambda: sum(map(len, received)) == 13, "all was received")

    assert received == [b"0123456789", b"abc"]


def test_callback_that_cannot_be_called_is_refused(ends: tuple[Channel, Channel]) -> None:
    """At once, and not when bytes come."""
    with pytest.raises(memlane.ParameterTypeError, match="callback=5 cannot be called"):
        ends[1].read_async(5)  # type: ignore[arg-type]

    ends[0].write(b"next")
    assert ends[1].read_bytes(4) == b"next"


def test_listener_whose_thread_cannot_start_leaves_the_reading(ends: tuple[Channel, Channel]) -> None:
    """No thread listens then, so nobody could ever stop it."""
    former = threading.stack_size(1 << 47)  # more than a process can have
    try:
        with pytest.raises(RuntimeError, match="thread"):
            ends[1].read_async(print)
    finally:
        threading.stack_size(former)

    ends[0].write(b"next")
    assert not ends[1].status().listener
    assert ends[1].read_bytes(4) == b"next"


def test_callback_that_raises_is_logged_and_consumes_nothing(
    ends: tuple[Channel, Channel], caplog: pytest.LogCaptureFixture
) -> None:
    """What was not handled must be found again."""

    def fail(data: bytes) -> None:
        raise RuntimeError(data)

    listener = ends[1].read_async(fail)
    ends[0].write(b"poison")
    wait_until(lambda: not listener.running, "the listener ended")

    assert "what it was given last is not consumed" in caplog.text
    assert ends[1].read_bytes(6) == b"poison"


def test_callback_that_raises_leaves_what_an_earlier_reading_had_left(ends: tuple[Channel, Channel]) -> None:
    """Bytes that were taken from the channel already are as dear as those in it."""
    writer, reader = ends
    writer.write(b"sixteen bytes ..")
    with pytest.raises(Timeout):
        reader.read_bytes(20, timeout=0.01)

    def fail(data: bytes) -> None:
        raise RuntimeError(data)

    listener = reader.read_async(fail)
    wait_until(lambda: not listener.running, "the listener ended")

    assert reader.read_bytes(16, timeout=20) == b"sixteen bytes .."


def test_closed_channel_gives_nothing_that_an_earlier_reading_had_left(ends: tuple[Channel, Channel]) -> None:
    """Rule 9 holds for what was consumed before, too."""
    writer, reader = ends
    writer.write(b"sixteen bytes ..")
    with pytest.raises(Timeout):
        reader.read_bytes(20, timeout=0.01)
    reader.close()

    calls: list[Callable[[], object]] = [
        lambda: reader.read(bytearray(4), 4),
        lambda: reader.read(bytearray(4), 0),
        lambda: reader.read_bytes(4),
        lambda: reader.read_bytes(0),
        lambda: reader.readinto(bytearray()),
        lambda: reader.read_async(print),
    ]
    for call in calls:
        with pytest.raises(memlane.Closed, match="channel 'c': this endpoint was closed"):
            call()


def test_listener_can_be_stopped_by_its_callback(ends: tuple[Channel, Channel]) -> None:
    """A callback that saw enough must not wait for itself."""
    handles: list[Listener] = []
    received: list[bytes] = []
    ready = threading.Event()

    def take_one(data: bytes) -> None:
        ready.wait()
        received.append(data)
        handles[0].stop()

    handles.append(ends[1].read_async(take_one))
    ready.set()
    ends[0].write(b"one")
    wait_until(lambda: not handles[0].running, "the listener ended")

    assert received == [b"one"]


def test_closing_ends_a_listener(ends: tuple[Channel, Channel]) -> None:
    """Its thread must not outlive the channel."""
    listener = ends[1].read_async(print)

    ends[1].close()

    wait_until(lambda: not listener.running, "the listener ended")


# -- the end, and what it is ---------------------------------------------------------------------------------------


CALLS: dict[str, Callable[[Channel], object]] = {
    "write": lambda channel: channel.write(b"x"),
    "write_some": lambda channel: channel.write_some(b"x"),
    "read": lambda channel: channel.read(bytearray(1), 1),
    "read_bytes": lambda channel: channel.read_bytes(1),
    "readinto": lambda channel: channel.readinto(bytearray(1)),
    "next": next,
    "reserve": lambda channel: channel.reserve(1),
    "peek": lambda channel: channel.peek(),
    "enter": lambda channel: channel.__enter__(),
    "status": lambda channel: channel.status(),
    "stats": lambda channel: channel.stats(),
    "unlink": lambda channel: channel.unlink(),
}


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS.keys())
def test_closed_channel_refuses_everything(ends: tuple[Channel, Channel], call: Callable[[Channel], object]) -> None:
    """Rule 9, as files do."""
    for channel in ends:
        channel.close()
        channel.close()
        with pytest.raises(memlane.Closed, match="channel 'c': this endpoint was closed"):
            call(channel)
    assert (ends[0].closed, ends[0].name, ends[0].position) == (True, "c", 0)


def test_closing_wakes_a_blocked_reader_of_the_same_endpoint(ends: tuple[Channel, Channel]) -> None:
    """A thread that waits for ever must leave when its program ends."""
    outcome: list[str] = []

    def read() -> None:
        try:
            ends[1].read_bytes(1)
        except memlane.Closed as error:
            outcome.append(type(error).__name__)

    thread = threading.Thread(target=read)
    thread.start()
    ends[1].close()
    thread.join()

    assert outcome == ["Closed"]


def test_ctrl_c_leaves_at_once_and_keeps_what_came(ends: tuple[Channel, Channel]) -> None:
    """Rule 6: everything consistent."""
    writer, reader = ends
    writer.write(b"0123456789abcdef")
    timer = threading.Timer(0.05, signal.raise_signal, [signal.SIGINT])
    timer.start()

    with pytest.raises(KeyboardInterrupt):
        reader.read_bytes(20)

    timer.join()
    writer.write(b"ghij")
    assert reader.read_bytes(20) == b"0123456789abcdefghij"


def test_ctrl_c_keeps_what_came_on_the_way_to_the_end(ends: tuple[Channel, Channel]) -> None:
    """What was read for nobody is read again."""
    writer, reader = ends
    writer.write(b"0123456789abcdef")

    def interrupt() -> None:
        wait_until(lambda: writer.status().rc == 16, "the reader has read what is there")
        signal.raise_signal(signal.SIGINT)

    thread = threading.Thread(target=interrupt)
    thread.start()
    with pytest.raises(KeyboardInterrupt):
        reader.readall()

    thread.join()
    writer.close()
    assert reader.position == 0
    assert reader.readall() == b"0123456789abcdef"


def test_statistics_count(ends: tuple[Channel, Channel]) -> None:
    """Who tunes the size of a channel looks here."""
    writer, reader = ends
    writer.write(b"abcd")
    writer.write(b"ef")
    reader.read_bytes(5)

    stats = writer.stats()

    assert (stats.writes, stats.bytes_written, stats.reads, stats.bytes_read, stats.filled) == (2, 6, 1, 5, 1)
    assert (stats.recovered, stats.live_participants, stats.is_current) == (0, 2, True)


def test_repr_says_which_end_of_what(ends: tuple[Channel, Channel]) -> None:
    """It appears in every log."""
    ends[0].write(b"abc")

    assert repr(ends[0]).startswith("<memlane.Channel 'c': writer, at byte 3, of 16 bytes in ")
    ends[1].close()
    assert "reader, closed, of 16 bytes" in repr(ends[1])
    assert repr(Channel.__new__(Channel)) == "<memlane.Channel: never opened>"
    with pytest.raises(memlane.Closed, match="never opened"):
        Channel.__new__(Channel).write(b"")


def test_pickle_of_a_live_end_finds_it_busy(ends: tuple[Channel, Channel]) -> None:
    """An end has one owner: pickles do not make a second."""
    pickled = pickle.dumps(ends[0])

    with pytest.raises(memlane.EndpointBusy):
        pickle.loads(pickled)


# -- the old module ----------------------------------------------------------------------------------------------


def test_old_names_are_there_in_both_places() -> None:
    """Programs change their import, and nothing else."""
    for name in smipc.__all__:
        assert getattr(memlane, name) is getattr(smipc, name)
    assert (smipc.CHAN_R, smipc.CHAN_W) == (0, 1)
    assert issubclass(smipc.OppositeEndClosedError, smipc.SmipcError)
    assert issubclass(smipc.ParameterTypeError, smipc.SmipcError)
    assert issubclass(memlane.EndpointBusy, smipc.OperationFailedError)
    assert issubclass(memlane.NoSpace, smipc.OperationFailedError)


def test_library_calls_set_the_log_level_and_close_everything(
    ends: tuple[Channel, Channel], caplog: pytest.LogCaptureFixture
) -> None:
    """The old programs begin and end with them."""
    level = logging.getLogger("memlane").level
    try:
        smipc.init_library(smipc.LOG_BASIC)
        smipc.clean_library()
        assert "channel 'c': closed at byte 0" in caplog.text
        caplog.clear()
        smipc.init_library(smipc.LOG_DISABLE)
        open_channel("c", CHAN_R).close()
        assert caplog.text == ""
        with pytest.raises(ValueError, match="logLevel=9 is none of"):
            smipc.init_library(9)
    finally:
        logging.getLogger("memlane").setLevel(level)

    assert all(channel.closed for channel in ends)
