/* MEMLANE_FIELDS: what a C++ struct looks like, so that programs in C and Python share it and others are refused. */
#ifndef MEMLANE_FIELDS_HPP
#define MEMLANE_FIELDS_HPP

#include <memlane/error.hpp>
#include <memlane/format.h>
#include <memlane/object.hpp>

#include <array>
#include <complex>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <string>
#include <type_traits>
#include <vector>

/* MEMLANE_FIELDS(type, members...): names every member of a struct, in any order; 32 at most. Write it once, behind the
 * struct and in the same namespace. A member may be
 *   - bool, an integer, an enum, float, double, std::complex of these: by its size and sign;
 *   - char[n]: text; std::byte[n]: bytes;
 *   - a struct that has its own MEMLANE_FIELDS;
 *   - an array (also std::array, also of several dimensions) of any of these.
 * A member that was left out does not compile: all names are counted. */
#define MEMLANE_FIELDS(type, ...)                                                                                      \
    [[maybe_unused]] inline ::std::vector<::memlane::Field> memlane_fields(const type *struct_) {                      \
        static_assert(::std::is_standard_layout_v<type>, #type " has no layout that C knows: no virtual functions, "   \
                                                               "all members public, in one class");                    \
        [[maybe_unused]] const auto count_members = [](const type &value) {                                            \
            [[maybe_unused]] const auto &[__VA_ARGS__] = value;                                                        \
        };                                                                                                             \
        (void)struct_;                                                                                                 \
        return ::memlane::detail::join({MEMLANE_PICK(__VA_ARGS__, MEMLANE_PICKS, too_many)(type, __VA_ARGS__)});       \
    }

namespace memlane {

/* A field as memlane_field has it, with a path of its own. */
struct Field {
    std::string path;
    std::uint64_t offset, size, count;
    std::uint32_t code;
};

namespace detail {

template <class T> struct IsComplex : std::false_type {};
template <class T> struct IsComplex<std::complex<T>> : std::true_type {};

template <class T> constexpr std::uint32_t integer_code() {
    constexpr std::uint32_t first = sizeof(T) == 1   ? MEMLANE_INT8
                                    : sizeof(T) == 2 ? MEMLANE_INT16
                                    : sizeof(T) == 4 ? MEMLANE_INT32
                                                     : MEMLANE_INT64;
    return first + (std::is_unsigned_v<T> ? 1 : 0); /* each unsigned code follows its signed one */
}

/* The code of a member that is no struct and no array; 0 where memlane has none. */
template <class T> constexpr std::uint32_t code_of() {
    if constexpr (std::is_same_v<T, bool>) {
        return MEMLANE_BOOL;
    } else if constexpr (std::is_same_v<T, char>) {
        return MEMLANE_CHAR;
    } else if constexpr (std::is_same_v<T, std::byte>) {
        return MEMLANE_BYTES;
    } else if constexpr (std::is_enum_v<T>) {
        return integer_code<std::underlying_type_t<T>>();
    } else if constexpr (std::is_integral_v<T> && sizeof(T) <= 8) {
        return integer_code<T>();
    } else if constexpr (std::is_same_v<T, float>) {
        return MEMLANE_FLOAT32;
    } else if constexpr (std::is_same_v<T, double>) {
        return MEMLANE_FLOAT64;
    } else if constexpr (IsComplex<T>::value) {
        return sizeof(T) == 8 ? MEMLANE_COMPLEX64 : sizeof(T) == 16 ? MEMLANE_COMPLEX128 : 0;
    } else {
        return 0;
    }
}

/* An array of any number of dimensions, as elements in a row. */
template <class T> struct Elements {
    using Type = T;
    static constexpr std::uint64_t count = 1;
    static constexpr std::uint64_t in_last_dimension = 1;
    static constexpr bool is_array = false;
};
template <class T, std::size_t N> struct Elements<T[N]> {
    using Type = typename Elements<T>::Type; // NOLINT(readability-redundant-typename): C++17 needs it
    static constexpr std::uint64_t count = N * Elements<T>::count;
    static constexpr std::uint64_t in_last_dimension = Elements<T>::is_array ? Elements<T>::in_last_dimension : N;
    static constexpr bool is_array = true;
};
template <class T, std::size_t N> struct Elements<std::array<T, N>> : Elements<T[N]> {};

template <class T, class = void> struct HasFields : std::false_type {};
template <class T>
struct HasFields<T, std::void_t<decltype(memlane_fields(static_cast<const T *>(nullptr)))>> : std::true_type {};

/* The fields of a struct that lies at an offset of another one. */
inline std::vector<Field> nested(const std::string &path, std::uint64_t offset, std::vector<Field> fields) {
    for (Field &field : fields) {
        field.path = path + "." + field.path;
        field.offset += offset;
    }
    return fields;
}

/* The rows that one member makes. Text is one element of many bytes, as in C; chars in two dimensions are many texts. */
template <class Member> std::vector<Field> fields_of(const char *path, std::uint64_t offset) {
    using Type = std::remove_cv_t<typename Elements<Member>::Type>;
    constexpr std::uint64_t count = Elements<Member>::count;
    if constexpr (HasFields<Type>::value) {
        std::vector<Field> rows = nested(path, offset, memlane_fields(static_cast<const Type *>(nullptr)));
        if (Elements<Member>::is_array) {
            rows.insert(rows.begin(), Field{path, offset, sizeof(Type), count, MEMLANE_STRUCT});
        }
        return rows;
    } else {
        constexpr std::uint32_t code = code_of<Type>();
        static_assert(code != 0, "a member of this type has no place in a field table: give it MEMLANE_FIELDS, or "
                                 "share the bytes without a table");
        constexpr bool is_text = code == MEMLANE_CHAR || code == MEMLANE_BYTES;
        constexpr std::uint64_t together = is_text ? Elements<Member>::in_last_dimension : 1;
        return {Field{path, offset, sizeof(Type) * together, count / together, code}};
    }
}

inline std::vector<Field> join(std::initializer_list<std::vector<Field>> rows) {
    std::vector<Field> joined;
    for (const std::vector<Field> &row : rows) {
        joined.insert(joined.end(), row.begin(), row.end());
    }
    return joined;
}

using Format = Owned<memlane_format, memlane_format_free>;

/* The format of a struct with MEMLANE_FIELDS; none of one without. */
template <class T> Format format_of() {
    memlane_format *format = nullptr;
    if constexpr (HasFields<T>::value) {
        const std::vector<Field> fields = memlane_fields(static_cast<const T *>(nullptr));
        std::vector<memlane_field> rows;
        rows.reserve(fields.size());
        for (const Field &field : fields) {
            rows.push_back({field.path.c_str(), field.offset, field.size, field.count, field.code});
        }
        memlane_error error;
        check(memlane_format_create(&format, sizeof(T), rows.data(), rows.size(), &error), error);
    }
    return Format(format);
}

} // namespace detail
} // namespace memlane

/* clang-format off */
#define MEMLANE_MEMBER(type, member) ::memlane::detail::fields_of<decltype(type::member)>(#member, offsetof(type, member))
#define MEMLANE_EACH_1(type, member) MEMLANE_MEMBER(type, member)
#define MEMLANE_EACH_2(type, member, ...) MEMLANE_MEMBER(type, member), MEMLANE_EACH_1(type, __VA_ARGS__)
#define MEMLANE_EACH_3(type, member, ...) MEMLANE_MEMBER(type, member), MEMLANE_EACH_2(type, __VA_ARGS__)
#define MEMLANE_EACH_4(type, member, ...) MEMLANE_MEMBER(type, member), MEMLANE_EACH_3(type, __VA_ARGS__)
#define MEMLANE_EACH_5(type, member, ...) MEMLANE_MEMBER(type, member), MEMLANE_EACH_4(type, __VA_ARGS__)
#define MEMLANE_EACH_6(type, member, ...) MEMLANE_MEMBER(type, member), MEMLANE_EACH_5(type, __VA_ARGS__)
#define MEMLANE_EACH_7(type, member, ...) MEMLANE_MEMBER(type, member), MEMLANE_EACH_6(type, __VA_ARGS__)
#define MEMLANE_EACH_8(type, member, ...) MEMLANE_MEMBER(type, member), MEMLANE_EACH_7(type, __VA_ARGS__)
#define MEMLANE_EACH_9(type, member, ...) MEMLANE_MEMBER(type, member), MEMLANE_EACH_8(type, __VA_ARGS__)
#define MEMLANE_EACH_10(type, member, ...) MEMLANE_MEMBER(type, member), MEMLANE_EACH_9(type, __VA_ARGS__)
#define MEMLANE_EACH_11(type, member, ...) MEMLANE_MEMBER(type, member), MEMLANE_EACH_10(type, __VA_ARGS__)
#define MEMLANE_EACH_12(type, member, ...) MEMLANE_MEMBER(type, member), MEMLANE_EACH_11(type, __VA_ARGS__)
#define MEMLANE_EACH_13(type, member, ...) MEMLANE_MEMBER(type, member), MEMLANE_EACH_12(type, __VA_ARGS__)
#define MEMLANE_EACH_14(type, member, ...) MEMLANE_MEMBER(type, member), MEMLANE_EACH_13(type, __VA_ARGS__)
#define MEMLANE_EACH_15(type, member, ...) MEMLANE_MEMBER(type, member), MEMLANE_EACH_14(type, __VA_ARGS__)
#define MEMLANE_EACH_16(type, member, ...) MEMLANE_MEMBER(type, member), MEMLANE_EACH_15(type, __VA_ARGS__)
#define MEMLANE_EACH_17(type, member, ...) MEMLANE_MEMBER(type, member), MEMLANE_EACH_16(type, __VA_ARGS__)
#define MEMLANE_EACH_18(type, member, ...) MEMLANE_MEMBER(type, member), MEMLANE_EACH_17(type, __VA_ARGS__)
#define MEMLANE_EACH_19(type, member, ...) MEMLANE_MEMBER(type, member), MEMLANE_EACH_18(type, __VA_ARGS__)
#define MEMLANE_EACH_20(type, member, ...) MEMLANE_MEMBER(type, member), MEMLANE_EACH_19(type, __VA_ARGS__)
#define MEMLANE_EACH_21(type, member, ...) MEMLANE_MEMBER(type, member), MEMLANE_EACH_20(type, __VA_ARGS__)
#define MEMLANE_EACH_22(type, member, ...) MEMLANE_MEMBER(type, member), MEMLANE_EACH_21(type, __VA_ARGS__)
#define MEMLANE_EACH_23(type, member, ...) MEMLANE_MEMBER(type, member), MEMLANE_EACH_22(type, __VA_ARGS__)
#define MEMLANE_EACH_24(type, member, ...) MEMLANE_MEMBER(type, member), MEMLANE_EACH_23(type, __VA_ARGS__)
#define MEMLANE_EACH_25(type, member, ...) MEMLANE_MEMBER(type, member), MEMLANE_EACH_24(type, __VA_ARGS__)
#define MEMLANE_EACH_26(type, member, ...) MEMLANE_MEMBER(type, member), MEMLANE_EACH_25(type, __VA_ARGS__)
#define MEMLANE_EACH_27(type, member, ...) MEMLANE_MEMBER(type, member), MEMLANE_EACH_26(type, __VA_ARGS__)
#define MEMLANE_EACH_28(type, member, ...) MEMLANE_MEMBER(type, member), MEMLANE_EACH_27(type, __VA_ARGS__)
#define MEMLANE_EACH_29(type, member, ...) MEMLANE_MEMBER(type, member), MEMLANE_EACH_28(type, __VA_ARGS__)
#define MEMLANE_EACH_30(type, member, ...) MEMLANE_MEMBER(type, member), MEMLANE_EACH_29(type, __VA_ARGS__)
#define MEMLANE_EACH_31(type, member, ...) MEMLANE_MEMBER(type, member), MEMLANE_EACH_30(type, __VA_ARGS__)
#define MEMLANE_EACH_32(type, member, ...) MEMLANE_MEMBER(type, member), MEMLANE_EACH_31(type, __VA_ARGS__)
#define MEMLANE_PICKS MEMLANE_EACH_32, MEMLANE_EACH_31, MEMLANE_EACH_30, MEMLANE_EACH_29, MEMLANE_EACH_28, MEMLANE_EACH_27, MEMLANE_EACH_26, MEMLANE_EACH_25, MEMLANE_EACH_24, MEMLANE_EACH_23, MEMLANE_EACH_22, MEMLANE_EACH_21, MEMLANE_EACH_20, MEMLANE_EACH_19, MEMLANE_EACH_18, MEMLANE_EACH_17, MEMLANE_EACH_16, MEMLANE_EACH_15, MEMLANE_EACH_14, MEMLANE_EACH_13, MEMLANE_EACH_12, MEMLANE_EACH_11, MEMLANE_EACH_10, MEMLANE_EACH_9, MEMLANE_EACH_8, MEMLANE_EACH_7, MEMLANE_EACH_6, MEMLANE_EACH_5, MEMLANE_EACH_4, MEMLANE_EACH_3, MEMLANE_EACH_2, MEMLANE_EACH_1
#define MEMLANE_PICK(...) MEMLANE_PICK_33RD(__VA_ARGS__)
#define MEMLANE_PICK_33RD(a1, a2, a3, a4, a5, a6, a7, a8, a9, a10, a11, a12, a13, a14, a15, a16, a17, a18, a19, a20, a21, a22, a23, a24, a25, a26, a27, a28, a29, a30, a31, a32, picked, ...) picked
/* clang-format on */

#endif
