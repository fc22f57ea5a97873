/* Fixed formats: values that are exactly the bytes of one C struct, described by a table of its fields.
 *
 * The table is stored with the object, in one canonical form for each layout, however it was declared: in C by an array
 * of memlane_field, in Python by a ctypes.Structure, a numpy dtype or a msgspec.Struct. Openers with another layout
 * are refused with the field named; tools show the table. docs/format/field-table.md has its bytes.
 *
 *     struct pose { double x, y; float yaw; char frame[16]; };
 *
 *     static const memlane_field fields[] = {
 *         MEMLANE_FIELD(struct pose, x, MEMLANE_FLOAT64),
 *         MEMLANE_FIELD(struct pose, y, MEMLANE_FLOAT64),
 *         MEMLANE_FIELD(struct pose, yaw, MEMLANE_FLOAT32),
 *         MEMLANE_FIELD(struct pose, frame, MEMLANE_CHAR),
 *     };
 *     memlane_format_create(&options.format, sizeof(struct pose), fields, 4, &error);
 *
 * A format never changes, and may be used by several threads at once. No function is async-signal-safe. */
#ifndef MEMLANE_FORMAT_H
#define MEMLANE_FORMAT_H

#include <memlane/status.h>

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* What the elements of a field are. Values are part of the layout. Integers and floats are little-endian. */
typedef enum memlane_code {
    MEMLANE_BOOL = 1, /* one byte; anything but 0 is true */
    /* Integers: two's complement. */
    MEMLANE_INT8 = 2,
    MEMLANE_UINT8 = 3,
    MEMLANE_INT16 = 4,
    MEMLANE_UINT16 = 5,
    MEMLANE_INT32 = 6,
    MEMLANE_UINT32 = 7,
    MEMLANE_INT64 = 8,
    MEMLANE_UINT64 = 9,
    /* Floats: IEEE 754. */
    MEMLANE_FLOAT16 = 10,
    MEMLANE_FLOAT32 = 11,
    MEMLANE_FLOAT64 = 12,
    MEMLANE_COMPLEX64 = 13, /* two floats: real, imaginary */
    MEMLANE_COMPLEX128 = 14,
    MEMLANE_CHAR = 15,  /* `size` bytes (char[size]), ended by a NUL where they are fewer */
    MEMLANE_WCHAR = 16, /* `size` / 4 code points of 4 bytes (wchar_t[]), ended by a zero where they are fewer */
    MEMLANE_BYTES = 17, /* `size` bytes of any kind */
    MEMLANE_STRUCT = 18 /* an array of structs of `size` bytes each: their fields follow */
} memlane_code;

/* Limits of a table. */
enum { MEMLANE_FIELD_PATH_MAXIMUM = 255, MEMLANE_FIELD_NESTING_MAXIMUM = 16 };

/* One field of the struct.
 *
 * path   names joined by dots, 1 to 255 bytes of UTF-8 without control characters. A struct inside the struct is no
 *        field of its own: its fields are "pose.x", "pose.y". "" stands for the whole value where it is an array or
 *        a single number.
 * size   bytes of one element. Of numbers: 0, or a multiple of what the code takes, which counts as that many
 *        elements, so that sizeof(member) will do for number arrays.
 * count  elements: 1, or the length of an array. Of several dimensions: their product, the last index varies fastest.
 *
 * An array of structs is a field of code MEMLANE_STRUCT ("points", at points[0], sizeof points[0], its length) and the
 * fields of its first element ("points.x", at points[0].x). */
typedef struct memlane_field {
    const char *path;
    uint64_t offset; /* bytes from the beginning of the struct */
    uint64_t size, count;
    uint32_t code;
} memlane_field;

/* The field of a member: a number, an array of numbers, or the text of a char array. Also for members of members:
 * MEMLANE_FIELD(struct robot, pose.x, MEMLANE_FLOAT64). */
#define MEMLANE_FIELD(type, member, field_code)                                                                        \
    {#member, offsetof(type, member), sizeof(((type *)0)->member), 1, (field_code)}

/* The type mark of every value of an object with a format: exactly the bytes of its struct. */
enum { MEMLANE_TYPE_STRUCT = 5 };

/* A canonical field table; opaque, and never changed once it is made. */
typedef struct memlane_format memlane_format;

/* Makes the format of a struct of `size` bytes (1 to 2^38) from `count` fields in any order. What is between them is
 * padding. Nothing of the fields is needed afterwards. The caller owns *format until memlane_format_free().
 * MEMLANE_INVALID_ARGUMENT names the field: overlapping, outside the struct, of an unknown code or impossible size,
 * named twice; or the table would take more than 64 KiB. MEMLANE_NO_MEMORY. Wait-free but for malloc(). */
MEMLANE_API memlane_status memlane_format_create(memlane_format **format, uint64_t size, const memlane_field *fields,
                                                 size_t count, memlane_error *error);

/* Ends a format of memlane_format_create(); not that of an object, which belongs to its endpoint. No other thread may
 * use it any more. NULL is accepted. Wait-free but for free(). */
MEMLANE_API void memlane_format_free(memlane_format *format);

/* Bytes of the struct. Wait-free. */
MEMLANE_API uint64_t memlane_format_size(const memlane_format *format);

/* Number of fields. Wait-free. */
MEMLANE_API size_t memlane_format_count(const memlane_format *format);

/* Field `index` of the canonical table: in the order of offsets, an array of structs before its fields, with sizes and
 * counts as they are stored. Lives as long as the format. NULL beyond the end. Wait-free. */
MEMLANE_API const memlane_field *memlane_format_field(const memlane_format *format, size_t index);

/* Compares the caller's format with another one: MEMLANE_OK, or MEMLANE_SCHEMA_MISMATCH and the first difference with
 * both sides: "field `yaw`: float32 here, float64 there". Wait-free. */
MEMLANE_API memlane_status memlane_format_compare(const memlane_format *here, const memlane_format *there,
                                                  memlane_error *error);

/* The code's name, such as "float32", or "unknown"; static storage. Wait-free. */
MEMLANE_API const char *memlane_code_name(uint32_t code);

#ifdef __cplusplus
}
#endif
#endif
