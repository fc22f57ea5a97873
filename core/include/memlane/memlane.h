/* memlane: shared memory between the processes of one machine. The umbrella of the public C API. */
#ifndef MEMLANE_MEMLANE_H
#define MEMLANE_MEMLANE_H

#include <memlane/buffer.h>
#include <memlane/channel.h>
#include <memlane/format.h>
#include <memlane/function.h>
#include <memlane/inspect.h>
#include <memlane/map.h>
#include <memlane/namespace.h>
#include <memlane/object.h>
#include <memlane/share.h>
#include <memlane/status.h>
#include <memlane/sync.h>
#include <memlane/variable.h>
#include <memlane/version.h>

#endif
