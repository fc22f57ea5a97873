"""Whatever the bytes are, they give a value or `Corrupted`: no crash, no hang, no memory that they do not justify."""

from __future__ import annotations

import pickle
import random
import struct
import sys
import tracemalloc
import warnings
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from memlane.codec import plain
from memlane.errors import Corrupted
from tests.unit.codec_samples import PLAIN_VALUES, array_of, dtypes, label

if TYPE_CHECKING:
    from collections.abc import Iterator

ARRAY_SAMPLES = (
    np.arange(10.0),
    {"time": 1.5, "image": np.arange(12, dtype="u1").reshape(3, 4), "raw": b"r" * 4096},
    *(array_of(dtype, (2, 1), "F") for dtype in dtypes()),
)
SMALL_SAMPLES = [value for value in PLAIN_VALUES if len((plain.dumps(value) or (0, b""))[1]) < 400]


def encoded(value: object) -> tuple[int, bytes]:
    """Encode a value that is plain."""
    result = plain.dumps(value)
    assert result is not None
    return result


def survives(content_type: int, payload: bytes) -> bool:
    """Decode and view bytes that may be anything; tell whether they were a value. Any other error fails the test."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        try:
            plain.view(content_type, payload)
            plain.loads(content_type, payload)
        except Corrupted as error:
            assert len(str(error)) < 1000  # noqa: PT017  (both outcomes are right)
            return False
    return True


def with_buffers(head: bytes, *entries: tuple[int, int], length: int = 256) -> bytes:
    """Make a payload from a head and a table."""
    table = b"".join(struct.pack("<QQ", *entry) for entry in entries)
    return (struct.pack("<II", len(head), len(entries)) + table + head).ljust(length, b"\0")


def flips(payload: bytes) -> Iterator[bytes]:
    """Change each byte of the interesting beginning in each of some ways."""
    for index in range(min(len(payload), 160)):
        for change in (0x01, 0x02, 0x10, 0x40, 0x80, 0xFF):
            damaged = bytearray(payload)
            damaged[index] ^= change
            yield bytes(damaged)


class TestDamage:
    """Encoded values that were cut off or overwritten."""

    @pytest.mark.parametrize("value", [*SMALL_SAMPLES, *ARRAY_SAMPLES], ids=label)
    def test_truncated_value_is_corrupted(self, value: object) -> None:
        """Not one byte of a value is spare."""
        content_type, payload = encoded(value)

        accepted = [length for length in range(len(payload)) if survives(content_type, payload[:length])]

        assert accepted == []

    @pytest.mark.parametrize("value", [1, "text", [1.5, {"a": 2}], (b"bytes",)], ids=repr)
    def test_value_with_more_behind_it_is_corrupted(self, value: object) -> None:
        """A length that disagrees with the value is a sign of damage, and the only one that some damage leaves."""
        content_type, payload = encoded(value)

        with pytest.raises(Corrupted, match="1 bytes follow the value"):
            plain.loads(content_type, payload + b"\0")

    @pytest.mark.slow
    @pytest.mark.parametrize("value", [*SMALL_SAMPLES, *ARRAY_SAMPLES], ids=label)
    def test_any_byte_may_change(self, value: object) -> None:
        """It gives another value or `Corrupted`, with a warning of nobody."""
        content_type, payload = encoded(value)

        outcomes = [survives(content_type, damaged) for damaged in flips(payload)]

        assert len(outcomes) == 6 * min(len(payload), 160)

    @pytest.mark.slow
    @given(content_type=st.integers(0, 5), payload=st.binary(max_size=300))
    @example(content_type=1, payload=b"")
    @example(content_type=2, payload=b"\x01")
    @settings(max_examples=500, deadline=None)
    def test_any_bytes_may_come_as_plain_value(self, content_type: int, payload: bytes) -> None:
        """Whoever can write the segment can write anything."""
        if content_type not in (plain.PICKLE, plain.PICKLE_BUFFERS):
            survives(content_type, payload)

    @pytest.mark.slow
    def test_random_heads_and_tables_never_crash_the_decoder(self) -> None:
        """Bytes from a weighted die reach deeper than fair ones: most of these begin like a value."""
        die = random.Random(20261120)
        tags = bytes(range(0x78, 0x90)) + bytes(range(0xC0, 0xFF)) + b"\x03<f8\x03|V9\x80\x81\xfe\xfd" * 3
        accepted = 0

        for _ in range(60_000):
            head = bytes(die.choices(tags, k=die.randrange(1, 40)))
            entries = [(64 * (3 + 2 * index), die.randrange(0, 130)) for index in range(die.randrange(0, 3))]
            payload = with_buffers(head, *entries, length=1024) if entries else head
            accepted += survives(plain.PLAIN_BUFFERS if entries else plain.PLAIN, payload)

        assert accepted > 0

    @pytest.mark.slow
    @given(content_type=st.sampled_from([1, 2]), seed=st.integers(0, len(ARRAY_SAMPLES) - 1), data=st.data())
    @settings(max_examples=300, deadline=None)
    def test_spliced_values_never_crash_the_decoder(self, content_type: int, seed: int, data: st.DataObject) -> None:
        """A torn read puts pieces of two values together."""
        payload = bytearray(encoded(ARRAY_SAMPLES[seed])[1])
        start = data.draw(st.integers(0, len(payload)))
        piece = data.draw(st.binary(max_size=24))

        payload[start : start + len(piece)] = piece

        survives(content_type, bytes(payload))


class TestLimits:
    """Bytes that announce more than they have."""

    @pytest.mark.parametrize("tag", [0xEE, 0xEF, 0xF9, 0xFA, 0xFB, 0xFC], ids=hex)
    @pytest.mark.parametrize("length", [20, 254, 2**16, 2**32 - 1, 2**40, 2**62 + 5, 2**63 - 1, 2**63, 2**64 - 1])
    def test_length_that_cannot_be_there_is_refused_before_memory_is_taken(self, tag: int, length: int) -> None:
        """20 bytes must not make the reader ask for exabytes."""
        written = bytes([length]) if length < 254 else b"\xff" + struct.pack("<Q", length)
        payload = bytes([tag]) + written + b"\0" * 10

        tracemalloc.start()
        try:
            with pytest.raises(Corrupted, match=r"announced|follow"):
                plain.loads(plain.PLAIN, payload)
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

        assert peak < 100_000

    def test_nested_announcements_share_the_bytes_that_are_left(self) -> None:
        """64 lists that each announce all bytes that follow would take 64 times the memory."""
        size = 1_000_000
        payload = b"".join(b"\xfb\xfe" + struct.pack("<I", size - 6 * (level + 1)) for level in range(60))
        payload = payload.ljust(size, b"\xe8")

        tracemalloc.start()
        try:
            with pytest.raises(Corrupted, match="values announced"):
                plain.loads(plain.PLAIN, payload)
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

        assert peak < 10 * size

    @pytest.mark.parametrize("tag", [0xD1, 0xE1], ids=["list", "tuple"])
    def test_nesting_beyond_the_limit_is_refused(self, tag: int) -> None:
        """The decoder calls itself for each level, and the stack has an end."""
        assert plain.loads(plain.PLAIN, bytes([tag]) * 64 + b"\0") is not None
        for depth in (65, 1000, 1_000_000):
            with pytest.raises(Corrupted, match="nested deeper than 64"):
                plain.loads(plain.PLAIN, bytes([tag]) * depth + b"\0")

    def test_nesting_of_keys_counts_too(self) -> None:
        """Keys are values, and a key can hold the next one only in a tuple."""
        with pytest.raises(Corrupted, match="nested deeper than 64"):
            plain.loads(plain.PLAIN, b"\xc1" + b"\xe1" * 64 + b"\0" + b"\0")

    def test_nesting_of_dtypes_beyond_the_limit_is_refused(self) -> None:
        """A dtype is read by a recursion of its own."""
        level = b"\x80\x00\x01\x01\x01a\x00"

        with pytest.raises(Corrupted, match="dtype nested deeper than 64"):
            plain.loads(plain.PLAIN, b"\xfe" + level * 66 + b"\x03|i1" + b"\x00" * 40)

    @pytest.mark.parametrize("make_key", [lambda n: n * sys.hash_info.modulus, lambda n: (n * sys.hash_info.modulus,)])
    def test_keys_chosen_to_share_a_hash_are_refused(self, make_key: Any) -> None:
        """100,000 of them would keep the reader busy for minutes."""
        keys = [encoded(make_key(number))[1] for number in range(1, 100_001)]
        payload = b"\xfc\xfe" + struct.pack("<I", len(keys)) + b"".join(key + b"\xe8" for key in keys)

        with pytest.raises(Corrupted, match="share one hash"):
            plain.loads(plain.PLAIN, payload)


class TestHeads:
    """Each way in which a head can be wrong has an answer of its own."""

    @pytest.mark.parametrize(
        ("head", "message"),
        [
            ("ff", "0xff is no tag"),
            ("f0", "0xf0 is no tag"),
            ("81", "1 bytes announced, 0 left"),
            ("81ff", "not UTF-8"),
            ("84f4908080", "not UTF-8"),
            ("ef02c080", "not UTF-8"),
            ("eb00000000000000", "8 bytes announced, 7 left"),
            ("c1d001", "a list that cannot be hashed"),
            ("c1c001", "a dict that cannot be hashed"),
            ("c1e1e1d001", "a tuple that cannot be hashed"),
            ("fd", "refers to buffer 0 of 0"),
            ("d2fd", "2 values announced, 1 bytes left"),
        ],
    )
    def test_wrong_head_says_where_and_what(self, head: str, message: str) -> None:
        """Whoever finds damage has to find the one who made it."""
        with pytest.raises(Corrupted, match=rf"^encoded value: at byte \d+ of \d+: .*{message}.*write the value again"):
            plain.loads(plain.PLAIN, bytes.fromhex(head))

    @pytest.mark.parametrize("content_type", [0, 5, 2**32 - 1])
    def test_unknown_content_type_is_corrupted(self, content_type: int) -> None:
        """It is written beside the value, where others can change it as well."""
        with pytest.raises(Corrupted, match=f"content type {content_type} is none of 1, 2, 3, 4"):
            plain.loads(content_type, b"\0")

    @pytest.mark.parametrize("content_type", [1, 2, 3, 4])
    def test_empty_payload_is_corrupted(self, content_type: int) -> None:
        """Even None takes a byte."""
        with pytest.raises(Corrupted, match="payload: it is empty"):
            plain.loads(content_type, b"")


class TestTables:
    """The table decides what is read: nothing of it is believed."""

    @pytest.mark.parametrize(
        ("entry", "message"),
        [
            ((0, 4096), "begins at 0"),
            ((65, 64), "begins at 65"),
            ((32, 64), "begins at 32"),
            ((128, 129), "129 bytes at 128 of 256"),
            ((320, 0), "begins at 320"),
            ((128, 2**64 - 64), "bytes at 128 of 256"),
            ((2**64 - 64, 128), "begins at 18446744073709551552"),
            ((2**63, 64), "begins at 9223372036854775808"),
        ],
    )
    def test_buffer_outside_its_place_is_refused(self, entry: tuple[int, int], message: str) -> None:
        """A copy from outside the payload would give away, or crash on, what lies there."""
        with pytest.raises(Corrupted, match=message):
            plain.loads(plain.PLAIN_BUFFERS, with_buffers(b"\xfd", entry))

    def test_overlapping_buffers_are_refused(self) -> None:
        """Buffers that lie on each other would justify memory many times."""
        with pytest.raises(Corrupted, match="buffer 1 begins at 64, which is no multiple of 64 from 192"):
            plain.loads(plain.PLAIN_BUFFERS, with_buffers(b"\xd2\xfd\xfd", (64, 128), (64, 128)))

    @pytest.mark.parametrize(
        ("head", "count", "message"),
        [
            (b"\xd2\xfd\xfd", 1, "refers to buffer 1 of 1"),
            (b"\xd1\xfd", 2, "refers to 1 of 2 buffers"),
            (b"\x05", 1, "refers to 0 of 1 buffers"),
            (b"\xc1\xfd\x00", 1, "a buffer in the key of a dict"),
            (b"\xc1\xe1\xfd\x00", 1, "a buffer in the key of a dict"),
        ],
    )
    def test_each_buffer_is_used_once_and_never_as_key(self, head: bytes, count: int, message: str) -> None:
        """The hash of a key must not be taken before its bytes are there."""
        entries = [(128 + 64 * index, 32) for index in range(count)]

        with pytest.raises(Corrupted, match=message):
            plain.loads(plain.PLAIN_BUFFERS, with_buffers(head, *entries))

    @pytest.mark.parametrize(
        ("start", "message"),
        [
            (struct.pack("<II", 0, 1), "never written"),
            (struct.pack("<II", 1, 0), "never written"),
            (struct.pack("<II", 2**32 - 1, 2**32 - 1), "in 256 bytes"),
            (struct.pack("<II", 1, 16), "in 256 bytes"),
            (struct.pack("<II", 233, 1), "in 256 bytes"),
        ],
    )
    @pytest.mark.parametrize("content_type", [plain.PLAIN_BUFFERS, plain.PICKLE_BUFFERS])
    def test_table_that_does_not_fit_is_refused(self, content_type: int, start: bytes, message: str) -> None:
        """How much is copied to private memory depends on it."""
        with pytest.raises(Corrupted, match=message):
            plain.loads(content_type, start.ljust(256, b"\0"))

    def test_pickle_with_damaged_table_is_refused_before_it_is_loaded(self) -> None:
        """The table is checked by us, whoever the pickle came from."""
        payload = bytearray(plain.dumps_pickled(pickle.PickleBuffer(bytes(5000)), 5)[1])
        struct.pack_into("<Q", payload, 16, 2**40)

        with pytest.raises(Corrupted, match="buffer 0 has 1099511627776 bytes"):
            plain.loads(plain.PICKLE_BUFFERS, bytes(payload))


class TestArrays:
    """dtype and shape come from the bytes, memory only where the buffer justifies it."""

    @pytest.mark.parametrize(
        ("description", "message"),
        [
            (b"\x03<f8\x01\x09", "in 80 bytes"),
            (b"\x03<f8\x01\x0b", "in 80 bytes"),
            (b"\x03<f8\x02\x0a\x00", "in 80 bytes"),
            (b"\x03<f8\x41", "65 dimensions"),
            (b"\x03<f8\x01\xff" + struct.pack("<Q", 2**63), "an axis of 9223372036854775808"),
            (b"\x03<f8\x02\xff" + struct.pack("<Q", 2**62) + b"\xff" + struct.pack("<Q", 2**62), "in 80 bytes"),
            (b"\x03<f8\x02\xff" + struct.pack("<Q", 2**61 + 10) + b"\x01", "in 80 bytes"),
            (b"\x02|O\x01\x0a", "is no dtype of plain values"),
            (b"\x03|O8\x01\x0a", "is no dtype of plain values"),
            (b"\x03<f3\x01\x0a", "numpy refuses the dtype"),
            (b"\x03<i9\x01\x0a", "numpy refuses the dtype"),
            (b"\x03|f8\x01\x0a", "is not how numpy calls"),
            (b"\x03=f8\x01\x0a", "is no dtype"),
            (b"\x03|S0\x01\x0a", "is no dtype"),
            (b"\x0c|S9999999999\x01\x0a", "is no dtype"),
            (b"\x05f8,f8\x01\x0a", "is no dtype"),
            (b"\x06<M8[x]\x01\x0a", "is no dtype"),
            (b"\x08<M8[D/4]\x01\x0a", "is no dtype"),
            (b"\x07<f8\0\0\0\0\x01\x0a", "is no dtype"),
            (b"\x04<f\xc2\xb2\x01\x0a", "is no dtype"),
            (b"\x00\x01\x0a", "cannot begin with 0x00"),
            (b"\x29" + b"x" * 41, "cannot begin with 0x29"),
            (b"\x82", "cannot begin with 0x82"),
            (b"\x81\x00\x03<f8\x01\x0a", "sub-array of 0 dimensions"),
            (b"\x81\x01\x02\x81\x01\x02\x03<f8\x01\x0a", "sub-array of sub-arrays"),
            (b"\x81\x02\xff" + struct.pack("<Q", 2**40) + b"\x02\x03<f8\x01\x0a", "numpy refuses the dtype"),
            (b"\x80\x02\x08\x01\x01a\x00\x03<f8\x01\x0a", "structure with flags 2"),
            (b"\x80\x00\x08\xfe\xff\xff\xff\xff\x01a\x00\x03<f8\x01\x0a", "4294967295 fields"),
            (b"\x80\x00\xff" + struct.pack("<Q", 2**40) + b"\x01\x01a\x00\x03<f8\x01\x0a", "1099511627776 bytes"),
            (b"\x80\x00\x04\x01\x01a\x00\x03<f8\x01\x0a", "numpy refuses the dtype"),
            (b"\x80\x00\x10\x02\x01a\x00\x03<f8\x01a\x08\x03<f8\x01\x0a", "numpy refuses the dtype"),
            (b"\x80\x01\x0c\x01\x01a\x01\x03<f8\x01\x0a", "numpy refuses the dtype"),
            (b"\x80\x00\x08\x01\x01\xff\x00\x03<f8\x01\x0a", "not UTF-8"),
        ],
        ids=lambda part: f"{part!r:.40}",
    )
    def test_description_that_is_wrong_is_refused(self, description: bytes, message: str) -> None:
        """No dtype that holds references may be made, and none that numpy would take differently."""
        payload = with_buffers(b"\xfe" + description, (128, 80))

        with pytest.raises(Corrupted, match=message):
            plain.loads(plain.PLAIN_BUFFERS, payload)

    @pytest.mark.parametrize("shape", [(0, 2**62, 2**62), (2**40, 0, 2**40)], ids=str)
    def test_empty_array_of_an_impossible_shape_is_refused(self, shape: tuple[int, ...]) -> None:
        """It needs no memory, but numpy cannot hold its shape."""
        axes = b"".join(b"\xff" + struct.pack("<Q", size) for size in shape)

        with pytest.raises(Corrupted, match="and the shape"):
            plain.loads(plain.PLAIN_BUFFERS, with_buffers(b"\xfe\x03<f8\x03" + axes, (128, 0)))

    def test_array_as_key_is_refused(self) -> None:
        """Arrays have no hash."""
        with pytest.raises(Corrupted, match="ndarray that cannot be hashed"):
            plain.loads(plain.PLAIN_BUFFERS, with_buffers(b"\xc1\xfe\x03|u1\x01\x08\x00", (128, 8)))

    def test_many_codes_do_not_fill_the_memory(self) -> None:
        """What is remembered of dtypes is bounded, whatever comes in."""
        plain.loads(*encoded(np.zeros(1, "S1")))
        tracemalloc.start()
        try:
            for width in range(1, 2_000):
                code = f"|V{width}".encode()
                head = b"\xfe" + bytes([len(code)]) + code + b"\x01\x00"
                plain.loads(plain.PLAIN_BUFFERS, with_buffers(head, (64, 0), length=64))
            kept = tracemalloc.get_traced_memory()[0]
        finally:
            tracemalloc.stop()

        assert kept < 150_000
