"""numpy dtypes to bounded descriptions, and back; the one place that imports numpy."""

from memlane.codec.reader cimport Reader

# None where nobody imported it.
cdef object numpy_if_loaded()
# Raises MissingDependency.
cdef object import_numpy()
# None where the dtype is not plain.
cdef bytes describe_dtype(object dtype)
# Needs numpy: after import_numpy().
cdef object take_dtype(Reader* reader, int depth)
