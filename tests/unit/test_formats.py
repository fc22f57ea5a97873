"""Values of fixed formats: in as structs, dicts, tuples and arrays, out as copies of one's own."""

from __future__ import annotations

import array
import collections
import ctypes
import pickle
import re
import subprocess
import sys
import tracemalloc
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np
import pytest

import memlane
from memlane import HostVariable
from tests import formats
from tests.formats import POSE_DTYPE, Everything, Label, LabelStruct, Point, Pose, PoseObject, everything

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

VALUES = (1.0, -2.5, 3.25, 1e-300, float("inf"))


@pytest.fixture
def pose(namespace: Path) -> Iterator[HostVariable]:
    """Give a variable of five doubles."""
    with HostVariable("pose", data_format=Pose) as variable:
        yield variable


@pytest.fixture
def whole(namespace: Path) -> Iterator[HostVariable]:
    """Give a variable with a field of each type."""
    with HostVariable("everything", data_format=Everything) as variable:
        yield variable


# -- reading ------------------------------------------------------------------------------------------------


def test_struct_comes_back_as_what_declared_it(pose: HostVariable) -> None:
    """Whoever declares a class gets objects of it."""
    pose.data = Pose(*VALUES)

    assert pose.data == Pose(*VALUES)
    with HostVariable("pose", data_format=PoseObject) as other:
        assert type(other.data) is PoseObject
        assert [getattr(other.data, name) for name in formats.NAMES] == list(VALUES)
    with HostVariable("pose", data_format=POSE_DTYPE) as other:
        assert type(other.data) is np.void
        assert other.data.item() == VALUES


def test_every_type_of_field_survives_the_way(whole: HostVariable) -> None:
    """Each at the end of its range."""
    whole.data = everything()

    assert whole.data == everything()


COPIED = {"object": PoseObject, "dtype": POSE_DTYPE, "array": np.dtype(("f8", (5,)))}


@pytest.mark.parametrize("data_format", COPIED.values(), ids=COPIED.keys())
def test_value_is_a_copy_that_later_writes_do_not_change(namespace: Path, data_format: Any) -> None:
    """A reader keeps what it read."""
    with HostVariable("copy", data_format=data_format, slots=2) as variable:
        variable.data = (1.0,) * 5
        first = variable.data
        for _ in range(3):
            variable.data = (2.0,) * 5

        assert bytes(memoryview(first)) == np.full(5, 1.0).tobytes()


def test_value_of_ones_own_can_be_changed(namespace: Path) -> None:
    """It is nobody else's."""
    with HostVariable("own", data_format=PoseObject) as variable:
        variable.data = PoseObject(*VALUES)
        mine = variable.data
        mine.x = 99

        assert variable.data.x == 1.0


def test_format_that_was_not_given_is_adopted(whole: HostVariable) -> None:
    """D44: tools read any variable."""
    whole.data = everything()

    with HostVariable("everything") as adopted:
        value = adopted.data
        assert adopted.fields == whole.fields
        assert (type(value), adopted.data_format) == (np.void, value.dtype)
        assert value["name"].decode() == "grüße"
        assert value["point"]["y"] == 2.0
        assert value["cloud"]["x"].tolist() == [0.0, 1.0, 2.0, 3.0, 4.0]
        adopted.data = value
    assert whole.data == everything()


def test_adopted_values_are_dicts_where_numpy_is_missing(whole: HostVariable) -> None:
    """D44: numpy is optional."""
    whole.data = everything()
    program = (
        "import sys; sys.modules['numpy'] = None\n"
        "from memlane import HostVariable\n"
        "variable = HostVariable('everything')\n"
        "value = variable.data\n"
        "value['point']['x'] = 7.0\n"
        "value['count'] -= 1\n"
        "variable.data = value\n"
        "print(sorted(value.items()), type(variable.view()))\n"
    )

    printed = run_program(program)

    assert "('point', {'x': 7.0, 'y': 2.0})" in printed
    assert "('cloud', [{'x': 0.0, 'y': 0.5}," in printed
    assert whole.data == everything(point=Point(7.0, 2.0), count=65534)


def run_program(program: str) -> str:
    """Run a program in an interpreter of its own and return what it prints."""
    return subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout


def test_format_needs_neither_numpy_nor_msgspec(namespace: Path) -> None:
    """What was not imported cannot have declared anything."""
    program = (
        "import sys, ctypes\n"
        "sys.modules['numpy'] = sys.modules['msgspec'] = None\n"
        "from memlane import HostVariable\n"
        "Pair = type('Pair', (ctypes.Structure,), {'_fields_': [('a', ctypes.c_int), ('b', ctypes.c_double)]})\n"
        "variable = HostVariable('pair', data_format=Pair)\n"
        "variable.data = {'a': 1, 'b': 2.5}\n"
        "print(variable.data.a, variable.data.b)\n"
    )

    assert run_program(program) == "1 2.5\n"


def test_text_ends_at_its_first_nul(namespace: Path) -> None:
    """What a C program leaves behind it in the array is not text."""
    with HostVariable("label", data_format=Label) as writer, HostVariable("label", data_format=LabelStruct) as reader:
        dirty = Label(7)
        ctypes.memmove(ctypes.addressof(dirty) + 4, b"ab\0garbage", 10)
        writer.data = dirty

        assert reader.data == LabelStruct(7, b"ab", b"")


def test_text_that_fills_its_field_has_no_end(namespace: Path) -> None:
    """As strncpy leaves it."""
    with HostVariable("label", data_format=LabelStruct) as variable:
        variable.data = LabelStruct(1, b"0123456789", b"x" * 32)

        assert variable.data == LabelStruct(1, b"0123456789", b"x" * 32)


def test_bytes_that_are_no_text_survive_in_a_text(namespace: Path) -> None:
    """C programs write what they like; reading must not fail for it."""
    with HostVariable("everything", data_format=Everything) as variable:
        odd = everything(name=b"\xff\xfe".decode("utf-8", "surrogateescape"))
        variable.data = odd

        assert variable.data == odd


# -- writing ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("data_format", [Pose, PoseObject, POSE_DTYPE, None], ids=["struct", "object", "dtype", "none"])
@pytest.mark.parametrize(
    "value",
    [
        PoseObject(*VALUES),
        np.array([VALUES], POSE_DTYPE)[0],
        np.array(VALUES, POSE_DTYPE),
        dict(zip(formats.NAMES, VALUES, strict=True)),
        VALUES,
        list(VALUES),
    ],
    ids=["object", "scalar", "array", "dict", "tuple", "list"],
)
def test_each_format_takes_what_has_its_fields(pose: HostVariable, data_format: Any, value: Any) -> None:
    """A struct is a struct, however its holder calls it."""
    with HostVariable("pose", data_format=data_format) as variable:
        variable.data = value

    assert pose.data == Pose(*VALUES)


@pytest.mark.parametrize("data_format", [PoseObject, POSE_DTYPE, None], ids=["ctypes", "numpy", "none"])
def test_msgspec_struct_is_no_value_of_another_declaration(pose: HostVariable, data_format: Any) -> None:
    """It has no bytes that could be compared; its owner declares it."""
    with (
        HostVariable("pose", data_format=data_format) as variable,
        pytest.raises(TypeError, match="a struct is needed, not Pose"),
    ):
        variable.data = Pose(*VALUES)


WRONG = {
    "too large": ({"count": 65536}, ValueError, "field `count`: 65536 is out of range for uint16"),
    "negative": ({"count": -1}, ValueError, "field `count`: -1 is out of range for uint16"),
    "too small": ({"small": -129}, ValueError, "field `small`: -129 is out of range for int8"),
    "huge": ({"large": 2**64}, ValueError, "field `large`: 18446744073709551616 is out of range for uint64"),
    "huge signed": ({"whole": 2**63}, ValueError, "field `whole`: 9223372036854775808 is out of range for int64"),
    "fraction": ({"count": 1.0}, TypeError, "field `count`: uint16 is needed, not float"),
    "text for a number": ({"real": "1"}, TypeError, "field `real`: float64 is needed, not str"),
    "huge for a float": ({"real": 10**400}, ValueError, "is out of range for float64"),
    "none": ({"real": None}, TypeError, "field `real`: float64 is needed, not NoneType"),
    "half": ({"half": 1e6}, ValueError, "field `half`: 1000000.0 is out of range for float16"),
    "float32": ({"point": Point(1e300, 0.0)}, ValueError, "field `point.x`: 1e+300 is out of range for float32"),
    "number for a bool": ({"ready": 1}, TypeError, "field `ready`: bool is needed, not int"),
    "long text": ({"name": "x" * 13}, ValueError, "field `name`: 13 bytes do not fit char[12], which takes at most 12"),
    "long in UTF-8": ({"name": "ü" * 7}, ValueError, "field `name`: 14 bytes do not fit char[12]"),
    "nul": ({"tag": b"a\0b"}, ValueError, "field `tag`: the text holds a NUL"),
    "bytes for a text": ({"name": b"abc"}, TypeError, "field `name`: char[12] is needed, not bytes"),
    "text for bytes": ({"tag": "abc"}, TypeError, "field `tag`: char[4] is needed, not str"),
    "short bytes": ({"raw": b"ab"}, ValueError, "field `raw`: 2 bytes do not fit bytes[3], which takes exactly 3"),
    "long wide": ({"wide": "abcde"}, ValueError, "field `wide`: 5 characters do not fit wchar[4]"),
    "no struct": ({"point": 3}, TypeError, "field `point`: a struct is needed, not int"),
    "unknown": ({"point": {"x": 1, "y": 2, "z": 3}}, ValueError, "`point`: there is no field 'z'; its fields are x, y"),
    "missing": ({"point": {"x": 1}}, ValueError, "field `point`: field `y` is missing"),
    "few values": ({"point": (1,)}, ValueError, "field `point`: 1 values for its 2 fields x, y"),
    "few structs": ({"path": (Point(1, 2),)}, ValueError, "field `path`: 1 elements were given"),
    "within an array": ({"cloud": [(1, 2)] * 4 + [(1, "2")]}, TypeError, "field `cloud.y`: float32 is needed, not str"),
    "many elements": ({"ranges": [1.0] * 5}, ValueError, "field `ranges`: 5 elements were given, float32[4] takes 4"),
    "text for an array": ({"ranges": "1234"}, TypeError, "field `ranges`: float32[4] is needed, not str"),
    "number for an array": ({"ranges": 1.0}, TypeError, "field `ranges`: float32[4] is needed, not float"),
    "element": ({"offsets": (1, 1.5)}, TypeError, "field `offsets`: int64[2] is needed, not float"),
}


@pytest.mark.parametrize(("changes", "kind", "text"), WRONG.values(), ids=WRONG.keys())
def test_wrong_value_is_refused_with_the_field_named_and_the_old_one_stays(
    whole: HostVariable, changes: dict[str, Any], kind: type[Exception], text: str
) -> None:
    """Nothing is wrapped, cut or guessed."""
    whole.data = everything()

    with pytest.raises(kind, match=re.escape(text)) as caught:
        whole.data = everything(**changes)

    assert str(caught.value).startswith("variable 'everything': field `")
    assert (whole.data, whole.version) == (everything(), 1)


@pytest.mark.parametrize(
    ("value", "kind", "text"),
    [
        (5, TypeError, "variable 'pose': a struct is needed, not int"),
        (None, TypeError, "variable 'pose': a struct is needed, not NoneType"),
        ((1.0,), ValueError, "variable 'pose': 1 values for its 5 fields x, y, z, roll, yaw"),
        ({"x": 1.0}, ValueError, "variable 'pose': field `y` is missing"),
        ({1: 2}, ValueError, "variable 'pose': there is no field 1"),
        (Label(1), TypeError, "the value has another format than the object: `number` here, `x` there"),
        (np.zeros((), [("x", "f4")]), TypeError, "field `x`: float32 at byte 0 here, float64 at byte 0 there"),
        (np.zeros(2, POSE_DTYPE), TypeError, "the value has another format than the object"),
        (np.zeros(5), TypeError, "variable 'pose': a struct is needed, not ndarray"),
    ],
)
def test_value_that_is_no_such_struct_is_refused(
    pose: HostVariable, value: Any, kind: type[Exception], text: str
) -> None:
    """A struct of the same size must not be taken for this one."""
    with pytest.raises(kind, match=re.escape(text)):
        pose.data = value


def test_numbers_of_numpy_are_numbers(whole: HostVariable) -> None:
    """Values are often computed with it."""
    whole.data = everything(count=np.int64(7), real=np.float32(0.5), ready=np.True_, ranges=np.arange(4))

    assert whole.data == everything(count=7, real=0.5, ready=True, ranges=[0.0, 1.0, 2.0, 3.0])


@pytest.mark.parametrize(
    "value",
    [
        np.arange(4, dtype=np.float32),
        np.arange(8, dtype=np.float32)[::2] / 2,
        array.array("f", range(4)),
        (ctypes.c_float * 4)(0, 1, 2, 3),
        range(4),
    ],
    ids=["array", "strided", "array.array", "ctypes", "range"],
)
def test_arrays_come_from_whatever_has_such_elements(whole: HostVariable, value: Any) -> None:
    """Only the numbers count."""
    whole.data = everything(ranges=value)

    assert whole.data.ranges == [0.0, 1.0, 2.0, 3.0]


def test_struct_derived_from_the_declared_one_is_taken(pose: HostVariable) -> None:
    """A subclass is one of them."""

    class Named(Pose):
        name: str = ""

    pose.data = Named(*VALUES, "extra")

    assert pose.data == Pose(*VALUES)


def test_dict_derived_from_dict_is_taken(pose: HostVariable) -> None:
    """JSON readers and counters give such ones."""
    pose.data = collections.OrderedDict(zip(formats.NAMES, VALUES, strict=True))

    assert pose.data == Pose(*VALUES)


def test_fields_of_an_adopted_value_can_be_written_again(namespace: Path) -> None:
    """Whoever changes one field takes the others from what was read; texts of numpy are bytes of its own kind."""
    with HostVariable("label", data_format=Label) as variable, HostVariable("label") as adopted:
        variable.data = Label(1, b"door", b"open")
        read = adopted.data

        adopted.data = {**{name: read[name] for name in read.dtype.names}, "number": 2}

        assert adopted.data.item() == (2, b"door", b"open")


def test_object_derived_within_a_struct_is_taken_whole(namespace: Path) -> None:
    """A class of ctypes has the fields of its bases too."""

    class Moving(PoseObject):
        _fields_ = [("speed", ctypes.c_double)]  # noqa: RUF012  (ctypes takes it so)

    class Robot(ctypes.Structure):
        _fields_ = [("pose", Moving)]

    with HostVariable("robot", data_format=Robot) as variable:
        variable.data = {"pose": Moving(*VALUES, 0.5)}

        assert (variable.data.pose.yaw, variable.data.pose.speed) == (VALUES[4], 0.5)


def test_struct_with_an_unset_field_is_refused(pose: HostVariable) -> None:
    """Its slot in the object is empty: a raw read would crash."""
    value = Pose(*VALUES)
    del value.yaw

    with pytest.raises(AttributeError, match="yaw"):
        pose.data = value


def test_padding_is_written_as_zeros(namespace: Path) -> None:
    """What was in the memory before is nobody's business."""
    dtype = np.dtype([("a", "u1"), ("b", "f8")], align=True)
    with HostVariable("padded", data_format=dtype) as variable:
        variable.data = {"a": 255, "b": 1.0}

        assert bytes(memoryview(variable.view()).cast("B"))[:8] == b"\xff" + bytes(7)


def test_value_that_writes_to_its_own_variable_holds_no_slot(pose: HostVariable) -> None:
    """Methods of a value run before a slot is taken."""

    class Sly:
        def __float__(self) -> float:
            pose.data = (9.0,) * 5
            return 1.0

    pose.data = (Sly(), 2, 3, 4, 5)

    assert (pose.data, pose.version) == (Pose(1.0, 2.0, 3.0, 4.0, 5.0), 2)


# -- arrays -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", [(5,), (3, 4), (60, 80, 3), (200, 300, 3)])
def test_array_of_a_declared_shape_survives_the_way(namespace: Path, shape: tuple[int, ...]) -> None:
    """Images, small and beyond what is copied with the interpreter held."""
    dtype = np.dtype((np.float32, shape))
    image = np.random.default_rng(1).random(shape, np.float32)
    with HostVariable("image", data_format=dtype) as variable:
        for value in (image, image[::-1], np.asfortranarray(image), image.astype(np.float64), image.tolist()):
            variable.data = value

            assert type(variable.data) is np.ndarray
            assert np.array_equal(variable.data, value)


@pytest.mark.parametrize(
    ("value", "kind", "text"),
    [
        (np.zeros((4, 3)), ValueError, "an array of shape (4, 3) was given, its values have (3, 4)"),
        (np.zeros((3, 4), complex), TypeError, "uint8[12] is needed, not complex"),
        (np.full((3, 4), 256), ValueError, "256 is out of range for uint8"),
        (np.full((3, 4), 0.5), TypeError, "uint8[12] is needed, not float"),
        ([[1, 2, 3, 4]] * 2, ValueError, "2 elements were given, uint8[12] takes 3 x 4"),
        ([[1, 2, 3]] * 3, ValueError, "3 elements were given, uint8[12] takes 3 x 4"),
        (5, TypeError, "uint8[12] is needed, not int"),
    ],
)
def test_array_that_does_not_fit_is_refused(namespace: Path, value: Any, kind: type[Exception], text: str) -> None:
    """Numpy's own assignment would wrap, cut and broadcast."""
    with (
        HostVariable("image", data_format=np.dtype(("u1", (3, 4)))) as variable,
        pytest.raises(kind, match=re.escape(text)),
    ):
        variable.data = value


class Matrix(ctypes.Structure):
    """Two dimensions in C."""

    _fields_ = [("rows", (ctypes.c_int16 * 3) * 2)]


@pytest.mark.parametrize(
    "value", [[[1, 2, 3], [4, 5, 6]], ((1, 2, 3), (4, 5, 6)), np.array([[1, 2, 3], [4, 5, 6]], "i2")]
)
def test_array_of_ctypes_has_the_dimensions_that_were_declared(namespace: Path, value: Any) -> None:
    """As its own class takes them, row by row."""
    with HostVariable("matrix", data_format=Matrix) as variable:
        variable.data = {"rows": value}

        assert [list(row) for row in variable.data.rows] == [[1, 2, 3], [4, 5, 6]]


class One(ctypes.Structure):
    """An array of a single element."""

    _fields_ = [("ranges", ctypes.c_float * 1)]


class OneStruct(msgspec.Struct):
    """The same for msgspec, of another width."""

    ranges: tuple[float]


@pytest.mark.parametrize(
    "data_format", [One, OneStruct, np.dtype([("ranges", "f4", (1,))])], ids=["ctypes", "msgspec", "numpy"]
)
@pytest.mark.parametrize(
    "value",
    [[1.5], (1.5,), np.array([1.5]), np.array([1.5], "f4"), (ctypes.c_float * 1)(1.5)],
    ids=lambda value: type(value).__name__,
)
def test_array_of_one_element_is_an_array(namespace: Path, data_format: Any, value: Any) -> None:
    """One is a length like any other."""
    with HostVariable("scan", data_format=data_format) as variable:
        variable.data = {"ranges": value}

        read = variable.data
        ranges = read["ranges"] if isinstance(read, np.void) else read.ranges
        assert (len(ranges), ranges[0]) == (1, 1.5)


def test_number_is_no_array_of_one(namespace: Path) -> None:
    """Nor is it one of two."""
    with (
        HostVariable("scan", data_format=One) as variable,
        pytest.raises(TypeError, match="field `ranges`: float32 in an array of one is needed, not float"),
    ):
        variable.data = {"ranges": 1.5}


@pytest.mark.parametrize("form", ["f8", [("x", "f4"), ("y", "f4")]], ids=["number", "struct"])
def test_value_that_is_an_array_of_one_is_written_as_one(namespace: Path, form: Any) -> None:
    """A shape over any dtype."""
    dtype = np.dtype((form, (1,)))
    value = np.ones(1, dtype.base)
    with HostVariable("scan", data_format=dtype) as variable:
        for written in (value, value.tolist()):
            variable.data = written

            assert (variable.data.shape, variable.data.tolist()) == ((1,), value.tolist())


def test_array_of_structs_is_a_point_cloud(namespace: Path) -> None:
    """A shape over a structured dtype."""
    point = np.dtype([("x", "f4"), ("y", "f4"), ("intensity", "u1")])
    cloud = np.zeros(1000, point)
    cloud["x"] = np.arange(1000)
    with HostVariable("cloud", data_format=(point, (1000,))) as variable, HostVariable("cloud") as adopted:
        variable.data = cloud

        assert np.array_equal(variable.data, cloud)
        assert np.array_equal(adopted.data, cloud)
        assert variable.fields[0] == memlane.Field("", 0, 9, 1000, "struct")


def test_single_number_is_a_format(namespace: Path) -> None:
    """A scalar type of numpy."""
    with HostVariable("speed", data_format=np.float32) as variable, HostVariable("speed") as adopted:
        variable.data = 2

        assert variable.data == 2.0
        assert type(adopted.data) is np.float32


# -- in place -----------------------------------------------------------------------------------------------


def test_view_of_a_struct_is_a_read_only_memoryview(namespace: Path) -> None:
    """D6."""
    with HostVariable("label", data_format=Label) as variable:
        variable.data = Label(7, b"name", b"text")
        view = variable.view()
        variable.data = Label(8)

        assert (type(view), view.readonly, view.nbytes) == (memoryview, True, 46)
        assert Label.from_buffer_copy(view).text == b"text"


@pytest.mark.parametrize("data_format", [POSE_DTYPE, None], ids=["declared", "adopted"])
def test_view_of_a_dtype_is_an_array(pose: HostVariable, data_format: Any) -> None:
    """Its fields are read where they lie."""
    pose.data = Pose(*VALUES)
    with HostVariable("pose", data_format=data_format) as variable:
        view = variable.view()

    assert (type(view), view.shape, view.flags.writeable) == (np.ndarray, (), False)
    assert view["z"] == 3.25


def test_loan_of_a_dtype_is_filled_in_place(namespace: Path) -> None:
    """Large structs are not copied."""
    with HostVariable("image", data_format=np.dtype(("u1", (300, 400)))) as variable:
        with variable.loan() as image:
            assert (image.shape, image.dtype) == ((300, 400), np.uint8)
            image[...] = 7

        assert (variable.data == 7).all()
        with pytest.raises(ValueError, match="read-only"):
            image[0] = 1


def test_loan_of_a_struct_is_memory_that_ctypes_can_use(namespace: Path) -> None:
    """An object over the memory must go before the loan ends: it could write to what readers read."""
    with HostVariable("pose", data_format=PoseObject) as variable:
        with variable.loan() as memory:
            value = PoseObject.from_buffer(memory)
            value.x, value.yaw = 1.0, 5.0
            del value
        assert (variable.data.x, variable.data.yaw) == (1.0, 5.0)

        with pytest.raises(BufferError), variable.loan() as memory:
            value = PoseObject.from_buffer(memory)
        assert variable.version == 1
        del value


@pytest.mark.parametrize("arguments", [{"shape": (5,), "dtype": "f8"}, {"size": 3}, {"shape": (1,)}])
def test_loan_of_another_form_than_the_format_is_refused(pose: HostVariable, arguments: dict[str, Any]) -> None:
    """It could not be published."""
    with pytest.raises(TypeError, match="a loan of a variable with a format is of that format"):
        pose.loan(**arguments)


# -- opening ------------------------------------------------------------------------------------------------


class Wrong:
    """Structs that are not the pose, each in one way."""

    size = np.dtype({"names": formats.NAMES, "formats": ["f8"] * 5, "itemsize": 48})
    order = np.dtype([(name, "f8") for name in ("y", "x", "z", "roll", "yaw")])
    kind = np.dtype([(name, "f8" if name != "yaw" else "i8") for name in formats.NAMES])
    name = np.dtype([(name, "f8") for name in ("x", "y", "z", "roll", "heading")])
    padding = np.dtype({"names": formats.NAMES, "formats": ["f4"] * 5, "offsets": [0, 8, 16, 24, 32]})
    missing = np.dtype([(name, "f8") for name in formats.NAMES[:4]])
    more = np.dtype([(name, "f8") for name in (*formats.NAMES, "pitch")])


@pytest.mark.parametrize(
    ("wrong", "text"),
    [
        (Wrong.size, "the struct: 48 bytes here, 40 there"),
        (Wrong.order, "field 1: `y` here, `x` there"),
        (Wrong.kind, "field `yaw`: int64 here, float64 there"),
        (Wrong.name, "field 5: `heading` here, `yaw` there"),
        (Wrong.padding, "field `x`: float32 here, float64 there"),
        (Wrong.missing, "field `yaw`: missing here, float64 there"),
        (Wrong.more, "field `pitch`: float64 here, missing there"),
        (LabelStruct, "field 1: `number` here, `x` there"),
    ],
)
def test_wrong_struct_is_refused_with_the_field_named(pose: HostVariable, wrong: Any, text: str) -> None:
    """Never a silent corruption."""
    with pytest.raises(memlane.SchemaMismatch, match=re.escape(text)):
        HostVariable("pose", data_format=wrong)


def test_other_padding_is_refused_with_the_field_named(namespace: Path) -> None:
    """The same fields, packed here and aligned there."""
    fields = [("flag", "u1"), ("value", "f8")]
    with (
        HostVariable("padded", data_format=np.dtype(fields, align=True)),
        pytest.raises(memlane.SchemaMismatch, match="field `value`: at byte 1 here, at byte 8 there"),
    ):
        HostVariable("padded", data_format=np.dtype(fields))


def test_other_padding_in_a_struct_of_the_same_size_is_refused_with_the_field_named(namespace: Path) -> None:
    """The sizes agree, and so do names and types: only the place of a field tells them apart."""
    early, late = (
        np.dtype({"names": ["flag", "value"], "formats": ["u1", "f4"], "offsets": [0, place], "itemsize": 12})
        for place in (4, 8)
    )
    with (
        HostVariable("padded", data_format=early),
        pytest.raises(memlane.SchemaMismatch, match="field `value`: at byte 8 here, at byte 4 there"),
    ):
        HostVariable("padded", data_format=late)


def test_format_is_refused_by_a_variable_without_one(variable: HostVariable) -> None:
    """Values of any type are there."""
    with pytest.raises(memlane.SchemaMismatch, match="5 fields in 40 bytes here, values of any type there"):
        HostVariable(variable.name, data_format=Pose)


def test_other_size_beside_a_format_is_refused(namespace: Path) -> None:
    """The struct has one."""
    with pytest.raises(ValueError, match="max_size=100 was asked for, and a format whose struct takes 40 bytes"):
        HostVariable("pose", 100, Pose)
    HostVariable("pose", 40, Pose).close()


def test_repr_tells_of_the_format(pose: HostVariable) -> None:
    """Whoever prints it wants to know."""
    assert ", 14 slots of 40 bytes, 5 fields in " in repr(pose)


def test_reading_before_the_first_write_is_empty(pose: HostVariable) -> None:
    """Zeros would look like a value."""
    with pytest.raises(memlane.Empty):
        _ = pose.data
    assert pose.get("nothing") == "nothing"


# -- pickling -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("data_format", [Pose, PoseObject, POSE_DTYPE, None], ids=["struct", "object", "dtype", "none"])
def test_endpoint_with_a_format_is_pickled_by_reference(pose: HostVariable, data_format: Any) -> None:
    """D14."""
    pose.data = Pose(*VALUES)
    with HostVariable("pose", data_format=data_format) as variable:
        pickled = pickle.dumps(variable)

        with pickle.loads(pickled) as received:
            assert type(received.data) is type(variable.data)
            assert received.data_format == variable.data_format


def test_endpoint_with_a_local_class_is_not_pickled(namespace: Path) -> None:
    """D14: found when pickling, not in the process that cannot find the class."""
    local = msgspec.defstruct("Local", [("x", float)])

    with (
        HostVariable("local", data_format=local) as variable,
        pytest.raises(pickle.PicklingError, match=r"data_format=.*Local is not found by that name"),
    ):
        pickle.dumps(variable)


# -- cost ---------------------------------------------------------------------------------------------------


def test_reading_five_doubles_allocates_nothing_but_the_result(pose: HostVariable) -> None:
    """S4: a control loop must not feed the allocator."""
    pose.data = Pose(*VALUES)
    results: list[Any] = [None] * 100
    for index in range(100):
        results[index] = pose.data
    tracemalloc.start()
    try:
        before = tracemalloc.take_snapshot()
        for index in range(100):
            results[index] = pose.data
        after = tracemalloc.take_snapshot()
    finally:
        tracemalloc.stop()

    own = sum(sys.getsizeof(result) for result in results) + 100 * 5 * sys.getsizeof(1.5)
    here = [tracemalloc.Filter(True, __file__)]  # noqa: FBT003  (its name is "inclusive")
    grown = sum(entry.size_diff for entry in after.filter_traces(here).compare_to(before.filter_traces(here), "lineno"))
    assert 0 < grown <= own
