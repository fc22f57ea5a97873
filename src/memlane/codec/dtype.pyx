# cython: freethreading_compatible=True
"""numpy dtypes to bounded descriptions, and back; the one place that imports numpy.

Encoding never imports it: who has an array has numpy. Decoding imports it with the first array.
"""

import sys

from cpython.bytes cimport PyBytes_FromStringAndSize
from libc.stdint cimport UINT32_MAX, uint64_t

from memlane.codec.format cimport (
    ARRAY_DIMENSIONS_LIMIT,
    DEPTH_LIMIT,
    DTYPE_ALIGNED,
    DTYPE_CODE_LIMIT,
    DTYPE_DESCRIPTION_LIMIT,
    DTYPE_STRUCTURE,
    DTYPE_SUBARRAY,
    LENGTH_32,
    LENGTH_64,
)
from memlane.codec.reader cimport fail, remaining, take, take_byte, take_length
from memlane.codec.text cimport take_text

cdef enum:
    # Of element sizes: their number of bytes is a C int in numpy, and a character of "U" has four.
    CODE_SIZE_LIMIT = (1 << 29) - 1
    # Of the caches below. They are emptied when they are full: hostile bytes must not make them grow.
    CACHE_LIMIT = 256

# "biufc" are numbers, "SUV" have a size in characters or bytes, "mM" a unit of time.
cdef str KINDS = "biufcSUVmM"
cdef frozenset UNITS = frozenset(("Y", "M", "W", "D", "h", "m", "s", "ms", "us", "ns", "ps", "fs", "as"))

# None until it is there.
cdef object numpy = None

# id -> (dtype, names, description). The reference keeps the id from being used again. All that can change in a dtype is
# the tuple of its names, and that of the dtypes of its fields: those that have fields in fields are not in here.
cdef dict descriptions = {}
# code -> dtype, of dtypes without fields: they never change, so all arrays may share them.
cdef dict simple_dtypes = {}


cdef object numpy_if_loaded():
    """Give numpy where somebody imported it, else None."""
    global numpy
    if numpy is None:
        module = sys.modules.get("numpy")
        # While another thread imports it, it is there without its names.
        if hasattr(module, "ndarray") and hasattr(module, "empty"):
            numpy = module
    return numpy


cdef object import_numpy():
    """Give numpy for decoding."""
    global numpy
    if numpy is not None:
        return numpy
    try:
        # Not the statement: Cython's takes a None in sys.modules, which forbids the import, for the module.
        module = __import__("numpy")
    except ImportError as error:
        from memlane.errors import MissingDependency

        raise MissingDependency(
            "this value holds an array and numpy cannot be imported here: install numpy, or have a value"
            " without arrays written"
        ) from error
    numpy = module
    return module


# To a description ------------------------------------------------------------------------------------------


cdef bytes length_bytes(uint64_t length):
    if length < LENGTH_32:
        return bytes((length,))
    if length <= UINT32_MAX:
        return bytes((LENGTH_32,)) + int(length).to_bytes(4, "little")
    return bytes((LENGTH_64,)) + int(length).to_bytes(8, "little")


cdef bytes describe_code(object dtype):
    """Describe a dtype without fields by numpy's code, or give None where that would not bring it back."""
    cdef str code = dtype.str
    if dtype.kind not in KINDS or len(code) > DTYPE_CODE_LIMIT or not 0 < dtype.itemsize <= CODE_SIZE_LIMIT:
        return None
    if numpy_if_loaded().dtype(code) != dtype or (dtype.kind == "V" and dtype.type is not numpy.void):
        return None
    return bytes((len(code),)) + code.encode("ascii")


cdef bytes describe_subarray(object dtype, int depth):
    base, shape = dtype.subdtype
    cdef bytes inner = describe(base, depth + 1)
    if inner is None:
        return None
    return bytes((DTYPE_SUBARRAY, len(shape))) + b"".join([length_bytes(size) for size in shape]) + inner


cdef bytes describe_field(str name, tuple field, int depth):
    """Describe (dtype, offset); a third item would be a title, which has no place in the description."""
    if len(field) != 2:
        return None
    cdef bytes inner = describe(field[0], depth + 1)
    cdef bytes encoded = name.encode("utf-8", "surrogatepass")
    if inner is None:
        return None
    return length_bytes(len(encoded)) + encoded + length_bytes(field[1]) + inner


cdef bytes describe_structure(object dtype, int depth):
    fields, names = dtype.fields, dtype.names
    if dtype.type is not numpy.void:
        return None
    parts = [
        bytes((DTYPE_STRUCTURE, DTYPE_ALIGNED if dtype.isalignedstruct else 0)),
        length_bytes(dtype.itemsize),
        length_bytes(len(names)),
    ]
    for name in names:
        part = describe_field(name, fields[name], depth)
        if part is None:
            return None
        parts.append(part)
    return b"".join(parts)


cdef bytes describe_new(object dtype, int depth):
    # 2: made by somebody else than numpy. Metadata would be lost.
    if depth > DEPTH_LIMIT or dtype.hasobject or dtype.isbuiltin == 2 or dtype.metadata is not None:
        return None
    if dtype.subdtype is not None:
        return describe_subarray(dtype, depth)
    if dtype.names is not None:
        return describe_structure(dtype, depth)
    return describe_code(dtype)


cdef bint is_flat(object dtype):
    """Tell whether there are no fields in the fields."""
    return dtype.names is None or all([field[0].base.names is None for field in dtype.fields.values()])


cdef int remember(object dtype, object names, bytes description) except -1:
    if len(descriptions) >= CACHE_LIMIT:
        descriptions.clear()
    descriptions[id(dtype)] = (dtype, names, description)
    return 0


cdef bytes describe(object dtype, int depth):
    """Describe a dtype, or give None where it is not plain; `depth` dtypes are around it."""
    cdef object entry = descriptions.get(id(dtype))
    cdef object names = dtype.names
    cdef bytes description
    if entry is not None and (<tuple>entry)[0] is dtype and (<tuple>entry)[1] is names:
        return (<tuple>entry)[2]
    description = describe_new(dtype, depth)
    if description is not None and dtype.subdtype is None and is_flat(dtype):
        remember(dtype, names, description)
    return description


cdef bytes describe_dtype(object dtype):
    """Describe the dtype of an array, or give None where it is not plain."""
    cdef bytes description = describe(dtype, 0)
    return None if description is None or len(description) > DTYPE_DESCRIPTION_LIMIT else description


# From a description ----------------------------------------------------------------------------------------


cdef bint is_time(str unit):
    """Tell whether this follows the kind of a time: "8", "8[s]", "8[25s]"."""
    cdef str text = unit[2:-1]
    return unit == "8" or (unit.startswith("8[") and unit.endswith("]") and text.lstrip("0123456789") in UNITS)


cdef bint is_code(str code):
    """Tell whether this may be given to numpy: a byte order, a kind that is plain, and a size or a unit of time."""
    cdef str size = code[2:]
    if code[:1] not in ("<", ">", "|") or code[1:2] not in KINDS or not code.isascii():
        return False
    if code[1:2] in "mM":
        return is_time(size)
    return size.isdecimal() and 0 < int(size) <= CODE_SIZE_LIMIT


cdef object make_dtype(Reader* reader, object specification, bint align):
    try:
        return numpy.dtype(specification, align=align)
    except (TypeError, ValueError, OverflowError, KeyError) as error:
        fail(reader, f"numpy refuses the dtype {specification!r:.100}: {error!s:.200}")


cdef object take_code(Reader* reader, int length):
    """Read a dtype without fields."""
    cdef bytes code = PyBytes_FromStringAndSize(<const char*>take(reader, length), length)
    dtype = simple_dtypes.get(code)
    if dtype is not None:
        return dtype
    text = code.decode("latin-1")
    if not is_code(text):
        fail(reader, f"{text!r} is no dtype of plain values")
    dtype = make_dtype(reader, text, False)
    if dtype.str != text or dtype.hasobject:
        fail(reader, f"{text!r} is not how numpy calls the dtype {dtype.str!r}")
    if len(simple_dtypes) >= CACHE_LIMIT:
        simple_dtypes.clear()
    simple_dtypes[code] = dtype
    return dtype


cdef object take_subarray(Reader* reader, int depth):
    cdef int dimensions = take_byte(reader)
    if not 0 < dimensions <= ARRAY_DIMENSIONS_LIMIT:
        fail(reader, f"a sub-array of {dimensions} dimensions")
    shape = tuple([take_length(reader) for _ in range(dimensions)])
    base = take_dtype(reader, depth + 1)
    if base.subdtype is not None:
        fail(reader, "a sub-array of sub-arrays, which numpy merges into one")
    return make_dtype(reader, (base, shape), False)


cdef object take_structure(Reader* reader, int depth):
    cdef int flags = take_byte(reader)
    cdef uint64_t itemsize = take_length(reader)
    cdef uint64_t count = take_length(reader)
    # The smallest field: an empty name, an offset, a code of three characters.
    if flags > DTYPE_ALIGNED or itemsize > 0x7FFFFFFF or count > remaining(reader) // 6:
        fail(reader, f"a structure with flags {flags}, {itemsize} bytes and {count} fields")
    names, formats, offsets = [], [], []
    for _ in range(<Py_ssize_t>count):
        names.append(take_text(reader, take_length(reader)))
        offsets.append(take_length(reader))
        formats.append(take_dtype(reader, depth + 1))
    fields = {"names": names, "formats": formats, "offsets": offsets, "itemsize": itemsize}
    return make_dtype(reader, fields, flags == DTYPE_ALIGNED)


cdef object take_dtype(Reader* reader, int depth):
    """Read a dtype; `depth` dtypes are around it."""
    cdef int first = take_byte(reader)
    if depth > DEPTH_LIMIT:
        fail(reader, f"a dtype nested deeper than {DEPTH_LIMIT}")
    if 0 < first <= DTYPE_CODE_LIMIT:
        return take_code(reader, first)
    if first == DTYPE_SUBARRAY:
        return take_subarray(reader, depth)
    if first != DTYPE_STRUCTURE:
        fail(reader, f"a dtype cannot begin with {first:#04x}")
    return take_structure(reader, depth)
