/* memlane for C++17 and later: the umbrella of the header-only layer over memlane.h. Link with -lmemlane.
 *
 *     struct Pose { double x, y; float yaw; char frame[16]; };
 *     MEMLANE_FIELDS(Pose, x, y, yaw, frame)
 *
 *     memlane::Variable<Pose> pose("pose");
 *     pose.set({1.0, 2.0, 0.5F, "map"});
 *     Pose latest = pose.get();
 *
 * Whatever fails throws a memlane::Error of the class that fits, with the text of the C library. Everything that owns
 * something is movable and not copyable, and a moved-from one only to be destroyed or assigned to. What the C functions
 * promise about threads, progress and death holds here too. */
#ifndef MEMLANE_MEMLANE_HPP
#define MEMLANE_MEMLANE_HPP

#include <memlane/channel.hpp>
#include <memlane/dispatcher.hpp>
#include <memlane/error.hpp>
#include <memlane/fields.hpp>
#include <memlane/function.hpp>
#include <memlane/map.hpp>
#include <memlane/memlane.h>
#include <memlane/namespace.hpp>
#include <memlane/object.hpp>
#include <memlane/share.hpp>
#include <memlane/span.hpp>
#include <memlane/variable.hpp>

#endif
