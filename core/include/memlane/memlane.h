/* memlane: shared memory between the processes of one machine. The umbrella of the public C API. */
#ifndef MEMLANE_MEMLANE_H
#define MEMLANE_MEMLANE_H

#include <memlane/format.h>
#include <memlane/function.h>
#include <memlane/namespace.h>
#include <memlane/object.h>
#include <memlane/status.h>
#include <memlane/variable.h>
#include <memlane/version.h>

#endif
