"""Plain values go to bytes and come back as the types that they were."""

from __future__ import annotations

import ast
import enum
import gc
import pickle
import re
import subprocess
import sys
import threading
from collections import OrderedDict
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from memlane.codec import plain
from tests.unit.codec_samples import PLAIN_VALUES, array_of, assert_same, dtypes, label

if TYPE_CHECKING:
    from collections.abc import Callable

DEPTH_LIMIT = 64


class Point(NamedTuple):
    """A tuple that is more than one."""

    x: int
    y: int


class Colour(enum.IntEnum):
    """An integer that is more than one."""

    RED = 1


def encoded(value: object) -> tuple[int, bytes]:
    """Encode a value that is plain."""
    result = plain.dumps(value)
    assert result is not None, f"{type(value).__name__} is not plain"
    return result


def round_trip(value: object) -> Any:
    """Encode and decode a value."""
    return plain.loads(*encoded(value))


def nested(depth: int, wrap: Callable[[object], object]) -> object:
    """Put a number into so many containers."""
    value: object = 1
    for _ in range(depth):
        value = wrap(value)
    return value


any_text = st.text(st.characters(exclude_categories=()))  # surrogates too
scalars = st.none() | st.booleans() | st.integers() | st.floats() | any_text | st.binary()
wide_integers = st.integers(min_value=-(2**600), max_value=2**600)
keys = st.recursive(scalars, lambda inner: st.lists(inner, max_size=3).map(tuple), max_leaves=4)
values = st.recursive(
    scalars | wide_integers,
    lambda inner: st.lists(inner) | st.lists(inner).map(tuple) | st.dictionaries(keys, inner),
    max_leaves=12,
)


class TestValues:
    """Numbers, text, bytes and containers of them."""

    @pytest.mark.parametrize("value", PLAIN_VALUES, ids=label)
    def test_value_comes_back_as_it_was(self, value: object) -> None:
        """The edges of each form of the encoding are where it would break first."""
        assert_same(value, round_trip(value))

    @pytest.mark.slow
    @given(value=values)
    @settings(max_examples=150, deadline=None)
    def test_any_value_comes_back_with_the_types_of_all_its_parts(self, value: object) -> None:
        """True must not become 1, nor a tuple a list: programs tell them apart."""
        assert_same(value, round_trip(value))

    @given(value=st.integers() | wide_integers)
    @settings(max_examples=200, deadline=None)
    def test_integer_of_any_size_comes_back(self, value: int) -> None:
        """Integers have five forms, chosen by their size."""
        assert_same(value, round_trip(value))

    def test_dict_keeps_keys_that_are_equal_in_other_languages_apart(self) -> None:
        """A bool key must come back as a bool, and each NaN is a key of its own."""
        value = {True: "yes", 0: "no", 2.0: "two", "1": 1, float("nan"): 1, float("nan"): 2}

        assert_same(value, round_trip(value))

    def test_two_references_come_back_as_two_objects(self) -> None:
        """This is documented (D8): who needs identity pickles."""
        shared = [1]

        first, second = round_trip([shared, shared])

        assert first == second == [1]
        assert first is not second

    def test_short_keys_are_shared_between_decoded_dicts(self) -> None:
        """Streams of records would spend most of their time making the same keys again."""
        if not getattr(sys, "_is_gil_enabled", lambda: True)():
            pytest.skip("the cache of keys needs the GIL")
        payload = encoded({"velocity_x": 1.0})

        (first,), (second,) = plain.loads(*payload), plain.loads(*payload)

        assert first is second

    def test_more_keys_than_the_cache_holds_are_all_right(self) -> None:
        """A key must never be taken for another that had its place in the cache."""
        value = {f"{name}{number}": number for number in range(2000) for name in ("a", "bc", "żółw", "key of the pose")}

        for _ in range(3):
            assert round_trip(value) == value


class TestNotPlain:
    """What is left to pickle, which keeps classes, identity and cycles."""

    @pytest.mark.parametrize(
        "value",
        [
            object(),
            1j,
            {1, 2},
            frozenset(),
            bytearray(b"x"),
            memoryview(b"x"),
            range(3),
            int,
            Fraction(1, 3),
            type("Text", (str,), {})("x"),
            type("Number", (float,), {})(1.0),
            type("List", (list,), {})(),
            Point(1, 2),
            OrderedDict(a=1),
            Colour.RED,
            np.float64(1.0),
            np.int32(1),
            np.ma.masked_array([1]),
            np.zeros(1, [("a", "i4")]).view(np.recarray),
            np.array([None]),
            np.zeros(2, [("a", "i4"), ("o", "O")]),
            np.zeros(2, [("a", "i4"), ("b", [("o", "O", (2,))])]),
            np.zeros(2, np.dtype("f8", metadata={"unit": "m"})),
            np.zeros(2, [(("title", "name"), "f8")]),
            np.zeros(2, np.dtype((np.record, [("a", "i4")]))),
            np.zeros(2, np.dtype("V0")),
        ],
        ids=label,
    )
    def test_other_type_is_not_plain_at_any_depth(self, value: object) -> None:
        """A sub-class that came back as its base would lose what it adds, in silence."""
        results = [plain.dumps(each) for each in (value, [value], (1, value), {"k": value}, {"k": [0, {"d": value}]})]

        assert results == [None] * 5

    def test_key_of_another_type_is_not_plain(self) -> None:
        """Keys are values as well."""
        keys: tuple[Any, ...] = (frozenset(), 1j, (1, (2, 3j)), np.float64(2.0))

        results = [plain.dumps({key: 1}) for key in keys]

        assert results == [None] * 4

    @pytest.mark.parametrize("wrap", [lambda v: [v], lambda v: (v,), lambda v: {"k": v}], ids=["list", "tuple", "dict"])
    def test_nesting_is_plain_up_to_the_limit_and_not_beyond(self, wrap: Callable[[object], object]) -> None:
        """The limit is a promise of the format: decoders of other languages rely on it."""
        deepest = nested(DEPTH_LIMIT, wrap)

        assert round_trip(deepest) == deepest
        assert plain.dumps(nested(DEPTH_LIMIT + 1, wrap)) is None

    def test_cycle_is_not_plain(self) -> None:
        """It would have no end."""
        cycle: list[object] = [1, "two"]
        cycle.append({"again": (cycle,)})

        assert plain.dumps(cycle) is None
        cycle.clear()

    @pytest.mark.slow
    def test_value_that_shares_its_parts_endlessly_is_not_plain(self) -> None:
        """Written out it has 2^60 numbers, and the writer would count them for centuries."""
        value: list[object] = [1]
        for _ in range(60):
            value = [value, value]

        assert plain.encode_into(bytearray(100), value) == ("not plain", 0, 0)

    def test_dict_of_keys_with_one_hash_is_not_plain(self) -> None:
        """Readers refuse such dicts, so writers must not write them."""
        crowd = {number * sys.hash_info.modulus: None for number in range(1, 80)}
        few = dict(list(crowd.items())[:64])

        assert plain.dumps(crowd) is None
        assert_same(few, round_trip(few))

    @pytest.mark.parametrize(
        "make_key",
        [
            lambda n: n,
            lambda n: -n,
            lambda n: n << 32,
            float,
            lambda n: n / 10,
            lambda n: (n % 100, n // 100),
            lambda n: n.to_bytes(4, "big"),
            lambda n: (str(n), n),
        ],
        ids=["int", "negative", "shifted", "float", "tenths", "grid", "bytes", "mixed"],
    )
    def test_large_dict_of_ordinary_keys_is_plain(self, make_key: Callable[[int], object]) -> None:
        """The defence against chosen keys must not hit anybody else."""
        value = {make_key(number): number for number in range(1, 20_000)}

        assert_same(value, round_trip(value))


class TestArrays:
    """Arrays of numpy, with dtype, shape and order."""

    @pytest.mark.parametrize("order", ["C", "F"])
    @pytest.mark.parametrize("shape", [(), (0,), (1,), (5,), (2, 3), (0, 4), (3, 1, 2), (2, 0, 2)], ids=str)
    @pytest.mark.parametrize("dtype", dtypes(), ids=lambda dtype: f"{dtype!s:.40}")
    def test_array_comes_back_with_dtype_shape_and_order(
        self, dtype: np.dtype[Any], shape: tuple[int, ...], order: str
    ) -> None:
        """A point cloud must come back byte for byte, paddings and all."""
        array = array_of(dtype, shape, order)

        assert_same(array, round_trip(array))

    @pytest.mark.parametrize(
        "view",
        [
            lambda array: array[::2],
            lambda array: array[:, ::-1],
            lambda array: array[:, 1:3],
            lambda array: array.transpose(1, 2, 0),
            lambda array: np.broadcast_to(array[0, 0], (3, 4, 5)),
        ],
        ids=["step", "reversed", "part", "axes", "broadcast"],
    )
    def test_array_with_gaps_comes_back_in_c_order(self, view: Callable[[Any], Any]) -> None:
        """Cut-outs of images are written as often as images."""
        array = view(np.arange(60, dtype=">i4").reshape(3, 4, 5))

        result = round_trip(array)

        assert (result == array).all()
        assert (result.dtype, result.shape) == (array.dtype, array.shape)
        assert result.flags.c_contiguous
        assert result.flags.writeable
        assert result.flags.owndata

    def test_array_of_every_number_of_dimensions_comes_back(self) -> None:
        """There are 32 in numpy 1 and 64 in numpy 2."""
        limit = 64 if int(np.__version__.split(".")[0]) >= 2 else 32

        for dimensions in range(limit + 1):
            array = np.arange(2).reshape((1,) * (dimensions - 1) + (2,)) if dimensions else np.array(7)
            assert_same(array, round_trip(array))

    def test_arrays_between_other_values_come_back(self) -> None:
        """The usual message is a dict with a time and some arrays."""
        value = {
            "time": 1.5,
            "image": np.arange(1000.0).reshape(10, 100),
            "list": [np.array(1), b"b" * 9000, (np.zeros(0), np.array(["a", "bc"]))],
            **{str(number): np.full(number, number) for number in range(40)},
        }

        assert_same(value, round_trip(value))

    def test_renamed_fields_are_seen(self) -> None:
        """The description of a dtype is remembered, and its names are all that can change in it."""
        array = np.zeros(2, [("a", "i4"), ("b", "f8")])
        round_trip(array)

        array.dtype.names = ("c", "d")

        assert round_trip(array).dtype.names == ("c", "d")

    def test_renaming_fields_of_a_decoded_array_leaves_others_alone(self) -> None:
        """Two readers of one process must not share what one of them may change."""
        payload = encoded(np.zeros(2, [("a", "i4"), ("b", "f8")]))
        first, second = plain.loads(*payload), plain.loads(*payload)

        first.dtype.names = ("c", "d")

        assert second.dtype.names == ("a", "b")
        assert plain.loads(*payload).dtype.names == ("a", "b")

    def test_renamed_fields_inside_fields_are_seen(self) -> None:
        """The names of an inner dtype change without the outer one."""
        inner = np.dtype([("x", "i4")])
        array = np.zeros(2, [("inner", inner)])
        round_trip(array)

        array["inner"].dtype.names = ("y",)

        assert_same(array, round_trip(array))

    def test_more_dtypes_than_are_remembered_come_back(self) -> None:
        """The memory of dtypes is bounded; what falls out of it must only cost time."""
        for width in range(1, 600):
            array = np.zeros(1, f"S{width}")
            assert_same(array, round_trip(array))

    def test_dtype_with_a_description_over_the_limit_is_not_plain(self) -> None:
        """Descriptions are bounded for the reader's sake."""
        dtype = np.dtype([(f"field with a long name {number}", "f8") for number in range(3000)])

        assert plain.dumps(np.zeros(1, dtype)) is None

    def test_encoding_does_not_import_numpy_and_reading_an_array_without_it_names_it(self) -> None:
        """Programs without numpy must neither pay for it nor see anything stranger than its name."""
        content_type, payload = encoded([np.arange(3)])
        program = f"""
import sys
from memlane.codec import plain
from memlane.errors import MissingDependency

assert plain.loads(*plain.dumps({{"a": [1.5, b"x" * 5000]}})) == {{"a": [1.5, b"x" * 5000]}}
assert plain.dumps(object()) is None
assert "numpy" not in sys.modules
sys.modules["numpy"] = None
try:
    plain.loads({content_type}, {payload!r})
except MissingDependency as error:
    print(type(error).__mro__[2].__name__, error)
"""

        done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)

        assert done.stderr == ""
        assert done.stdout.startswith("ImportError this value holds an array and numpy cannot be imported here")


class TestSize:
    """Memory is reserved for the largest value: it should hold as much as it can."""

    @pytest.mark.parametrize(
        "value",
        [
            *PLAIN_VALUES,
            {"x": 1.5, "y": 2.5, "z": 3.5, "roll": 0.1, "yaw": 0.2},
            [float(number) for number in range(100)],
            list(range(1000)),
            list(range(-50_000, 50_000, 77)),
            ["x" * length for length in range(300)],
            [(number, str(number)) for number in range(500)],
        ],
        ids=label,
    )
    def test_value_takes_no_more_than_its_pickle(self, value: object) -> None:
        """Who comes from a pickling library chose `max_size` by pickles. A buffer costs its table and alignment."""
        content_type, payload = encoded(value)
        buffers = payload[4] if content_type == plain.PLAIN_BUFFERS else 0

        assert len(payload) <= len(pickle.dumps(value, 5)) + 80 * buffers

    def test_records_with_the_same_keys_take_little_more_than_their_pickle(self) -> None:
        """Pickle writes a repeated text once; we write it again, and read it faster."""
        value = [{"id": number, "name": "bob", "speed": 1.5} for number in range(1000)]

        assert len(encoded(value)[1]) <= 1.3 * len(pickle.dumps(value, 5))

    def test_bytes_are_those_of_the_examples_of_the_format_page(self) -> None:
        """The format is a promise to programs of other languages."""
        page = (Path(__file__).parents[2] / "docs/format/plain-codec.md").read_text(encoding="utf-8")
        rows = re.findall(r"^\| `(.+)` \| `([0-9a-f]+)` \|$", page.partition("## Examples")[2], re.MULTILINE)

        results = {text: encoded(ast.literal_eval(text)) for text, _ in rows}

        assert len(rows) > 20
        assert results == {text: (plain.PLAIN, bytes.fromhex(expected)) for text, expected in rows}

    def test_bytes_with_buffers_are_those_of_the_format_page(self) -> None:
        """The same for the table and the alignment of buffers."""
        array = np.array([[1, 2, 3]], ">i2")

        content_type, payload = encoded([array, b"\x05" * 4096])

        head = bytes.fromhex("d2 fe 03 3e6932 02 01 03 fd")
        table = bytes.fromhex("0a00000002000000 4000000000000000 0600000000000000 8000000000000000 0010000000000000")
        assert content_type == plain.PLAIN_BUFFERS
        assert payload == (table + head).ljust(64, b"\0") + array.tobytes().ljust(64, b"\0") + b"\x05" * 4096


class TestCapacity:
    """A value is written straight into the memory that the caller has."""

    @pytest.mark.parametrize(
        "value",
        [
            {"x": 1.5, "name": "é" * 200, "n": [1, 300, 2**40, 10**30]},
            [np.arange(100.0), "text", b"b" * 5000, {"k": np.zeros((3, 3))}],
            ["before " * 100, np.arange(5), "after" * 500],
        ],
        ids=["head", "buffers", "between"],
    )
    def test_value_that_does_not_fit_says_the_size_that_it_needs(self, value: object) -> None:
        """`ValueTooLarge` says both sizes, so that the user can choose the next one right."""
        content_type, payload = encoded(value)

        for capacity in {*range(0, len(payload), 41), 1, 7, 8, 9, len(payload) - 1}:
            out = bytearray(b"\xaa" * (len(payload) + 64))
            with memoryview(out)[:capacity] as region:
                assert plain.encode_into(region, value) == ("too large", content_type, len(payload))
            assert out[capacity:] == b"\xaa" * (len(payload) + 64 - capacity)

    @pytest.mark.parametrize("value", [{"x": [1.5, "y"]}, [np.arange(9.0), b"b" * 4096]], ids=["head", "buffers"])
    def test_value_that_fits_exactly_is_written_and_nothing_behind_it(self, value: object) -> None:
        """Behind the region lies the next slot."""
        content_type, payload = encoded(value)
        out = bytearray(b"\xaa" * (len(payload) + 64))

        with memoryview(out)[: len(payload)] as region:
            result = plain.encode_into(region, value)

        assert result == ("encoded", content_type, len(payload))
        assert out == payload + b"\xaa" * 64

    def test_gaps_before_buffers_are_zero(self) -> None:
        """What was in the memory before may be somebody's secret."""
        out = bytearray(b"\xaa" * 1000)

        _, _, length = plain.encode_into(out, [np.arange(3, dtype="u1"), np.arange(3, dtype="u1")])

        assert length == 131
        assert b"\xaa" not in out[:length]

    def test_buffers_past_the_capacity_are_counted_without_being_held(self) -> None:
        """A hundred million references to one buffer must not fill the memory with notes about them."""
        content = bytes(5000)
        value = [content] * 100_000
        before = sys.getrefcount(content)

        outcome, _, length = plain.encode_into(bytearray(100), value)

        assert outcome == "too large"
        assert length > 5000 * 100_000
        assert sys.getrefcount(content) == before

    def test_nothing_is_held_after_encoding(self) -> None:
        """A reference too many is a leak, one too few a crash."""
        parts: list[Any] = [np.arange(10.0), b"b" * 5000, "text", 2**70, 1.25, (1, 2.5)]
        before = [sys.getrefcount(part) for part in parts]

        for value in (parts, {"v": parts}, [parts, object()], [*parts, {"k": 1j}]):
            for capacity in (10_000, 60, 0):
                plain.encode_into(bytearray(capacity), value)
        del value

        assert [sys.getrefcount(part) for part in parts] == before

    def test_read_only_or_foreign_memory_is_refused(self) -> None:
        """The type error of the language says it best."""
        with pytest.raises(BufferError, match="not writable"):
            plain.encode_into(b"read-only", 1)  # type: ignore[arg-type, unused-ignore]


class TestTwoPhases:
    """Readers of shared memory copy the head first, and each buffer once into its final place."""

    @pytest.mark.parametrize("value", [{"x": 1}, [np.arange(2000.0), b"b" * 70_000, "text"]], ids=["head", "buffers"])
    def test_value_is_made_from_its_prefix_and_filled_from_the_payload(self, value: object) -> None:
        """No byte of a large array is copied twice."""
        content_type, payload = encoded(value)
        length = plain.needed_prefix(content_type, payload[:8], len(payload))

        result = plain.Reading(content_type, payload[:length], len(payload)).fetch(payload)

        assert length < 100
        assert_same(value, result)

    def test_buffers_are_read_when_they_are_fetched(self) -> None:
        """What the writer changes between the phases is seen, so the caller must look at the version after both."""
        content_type, payload = encoded(np.zeros(3, "u1"))
        reading = plain.Reading(content_type, payload, len(payload))

        result = reading.fetch(payload[:-3] + b"\1\2\3")

        assert result.tolist() == [1, 2, 3]

    def test_reading_refuses_less_than_it_needs(self) -> None:
        """The test hook must not read outside either."""
        content_type, payload = encoded(np.arange(10.0))

        with pytest.raises(ValueError, match="needed"):
            plain.needed_prefix(content_type, payload[:7], len(payload))
        with pytest.raises(ValueError, match="needed"):
            plain.Reading(content_type, payload[:30], len(payload))
        with pytest.raises(ValueError, match="needed"):
            plain.Reading(content_type, payload, len(payload)).fetch(payload[:-1])

    def test_value_is_fetched_once(self) -> None:
        """A second fetch would write into what the first caller has."""
        content_type, payload = encoded(b"b" * 5000)
        reading = plain.Reading(content_type, payload, len(payload))
        reading.fetch(payload)

        with pytest.raises(RuntimeError, match="already"):
            reading.fetch(payload)

    def test_reading_that_is_dropped_before_it_is_fetched_leaves_nothing(self) -> None:
        """A reader that lost the race throws its value away and tries again."""
        content_type, payload = encoded([np.arange(10.0) for _ in range(20)])
        gc.collect()
        before = len(gc.get_objects())

        for _ in range(50):
            plain.Reading(content_type, payload, len(payload))

        gc.collect()
        assert len(gc.get_objects()) <= before + 5


class TestViews:
    """Bytes and arrays can be looked at where they lie."""

    def test_bytes_are_viewed_in_place(self) -> None:
        """Short ones lie in the head, long ones in a buffer."""
        for value in (b"", b"short", b"long" * 5000):
            result = plain.view(*encoded(value))
            assert isinstance(result, memoryview)
            assert result.readonly
            assert result == value

    @pytest.mark.parametrize("order", ["C", "F"])
    @pytest.mark.parametrize("shape", [(), (0, 3), (4, 5)], ids=str)
    @pytest.mark.parametrize("dtype", dtypes(), ids=lambda dtype: f"{dtype!s:.40}")
    def test_array_is_viewed_in_place(self, dtype: np.dtype[Any], shape: tuple[int, ...], order: str) -> None:
        """A view costs the same for any size."""
        array = array_of(dtype, shape, order)

        result = plain.view(*encoded(array))

        assert isinstance(result, np.ndarray)
        assert not result.flags.writeable
        assert not result.flags.owndata
        assert_same(array, result)

    @pytest.mark.parametrize("value", [None, 1, "text", [b"bytes"], (np.zeros(3),), {"a": np.zeros(3)}], ids=repr)
    def test_other_values_have_no_view(self, value: object) -> None:
        """They would have to be decoded, which `get` does."""
        assert plain.view(*encoded(value)) is None
        assert plain.view(*plain.dumps_pickled(value, 5)) is None


class TestChangesMeanwhile:
    """Other threads and finalizers change containers while they are encoded."""

    @pytest.mark.slow
    def test_threads_that_change_containers_never_crash_the_encoder(self) -> None:
        """A crash would take the whole process along; a value from between two changes is the user's own race."""
        table: dict[Any, Any] = {number: [number] for number in range(200)}
        rows: list[Any] = [table, list(range(100))]
        started = threading.Barrier(4)
        stop = threading.Event()

        def change() -> None:
            started.wait()
            number = 0
            while not stop.is_set():
                number += 1
                table[f"{number % 50}"] = [number] * (number % 9)
                table.pop(number % 200, None)
                rows.append(number)
                rows[1:] = [[number] * (number % 300)] * (number % 7)

        threads = [threading.Thread(target=change) for _ in range(3)]
        for thread in threads:
            thread.start()
        started.wait()
        decoded = 0
        for _ in range(3000):
            try:
                content = plain.dumps(rows)
            except RuntimeError as error:
                assert "changed its size" in str(error)  # noqa: PT017  (it may or may not happen)
                continue
            assert content is not None
            decoded += type(plain.loads(*content)) is list
        stop.set()
        for thread in threads:
            thread.join()

        assert decoded > 0
