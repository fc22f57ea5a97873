/* Text from outside: is it UTF-8? */
#ifndef MEMLANE_UTF8_H
#define MEMLANE_UTF8_H

#include <stdbool.h>
#include <stddef.h>

/* Well-formed by RFC 3629: no surrogates, nothing overlong. NUL is a character like any other. */
bool memlane_utf8_is_valid(const char *text, size_t length);

#endif
