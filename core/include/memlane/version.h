/* Version of the library and of the shared layout. */
#ifndef MEMLANE_VERSION_H
#define MEMLANE_VERSION_H

#include <stdint.h>

#define MEMLANE_VERSION_MAJOR 0
#define MEMLANE_VERSION_MINOR 1
#define MEMLANE_VERSION_PATCH 0
#define MEMLANE_VERSION_STRING "0.1.0"

/* Stamp of the shared layout: libraries whose major stamps differ refuse each other's segments; a
 * newer minor stamp adds what an older library can ignore. */
#define MEMLANE_LAYOUT_MAJOR 1
#define MEMLANE_LAYOUT_MINOR 0

#ifdef __cplusplus
extern "C" {
#endif

#ifdef __GNUC__
#define MEMLANE_API __attribute__((visibility("default")))
#else
#define MEMLANE_API
#endif

/* The version of the library that is loaded, "major.minor.patch"; static storage. Wait-free. */
MEMLANE_API const char *memlane_version(void);

#ifdef __cplusplus
}
#endif
#endif
