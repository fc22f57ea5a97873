/* Lanes: the call slots of one caller each, and what becomes of them when caller or server dies (core.md 2.8 as
 * corrected by D28 and D50 to D53; docs/design/calls.md has the argument, core/models/calls.pml the proof). */
#ifndef MEMLANE_LANE_H
#define MEMLANE_LANE_H

#include "segment.h"

/* Where the parts lie: private to one endpoint, and all that cleanup needs. */
struct memlane_lanes {
    struct memlane_segment *segment;
    uint32_t lanes, slots, participants;
    uint64_t argument_capacity, result_capacity, failure_capacity;
    uint64_t argument_stride, slot_stride, lane_stride, payload_offset;
    struct memlane_function_control *control;
    struct memlane_server_word *server;
    struct memlane_lane *lane;
    struct memlane_call_slot *slot;
};

#define MEMLANE_NO_LANE UINT32_MAX

/* The callbacks of a kind whose body is lanes (struct memlane_kind), and the caller's half of the geometry. */
uint64_t memlane_lanes_body_size(const uint64_t geometry[MEMLANE_GEOMETRY_WORDS], uint32_t participants);
uint64_t memlane_lanes_fixed_size(const uint64_t geometry[MEMLANE_GEOMETRY_WORDS], uint32_t participants);
void memlane_lanes_clean(struct memlane_segment *segment, uint32_t index);

void memlane_lanes_locate(struct memlane_lanes *lanes, struct memlane_segment *segment);

static inline struct memlane_call_slot *memlane_lanes_slot(const struct memlane_lanes *lanes, uint32_t lane,
                                                           uint32_t slot) {
    return &lanes->slot[(size_t)lane * lanes->slots + slot];
}

static inline unsigned char *memlane_lanes_request(const struct memlane_lanes *lanes, uint32_t lane, uint32_t slot) {
    return lanes->segment->base + lanes->payload_offset + lane * lanes->lane_stride + slot * lanes->slot_stride;
}

static inline unsigned char *memlane_lanes_response(const struct memlane_lanes *lanes, uint32_t lane, uint32_t slot) {
    return memlane_lanes_request(lanes, lane, slot) + lanes->argument_stride;
}

/* How many lanes were ever used: nobody looks further. Wait-free. */
uint32_t memlane_lanes_used(const struct memlane_lanes *lanes);

/* Takes a lane that is nobody's, with its memory, for the endpoint of the segment. MEMLANE_TOO_MANY_PARTICIPANTS: all
 * are live callers'; MEMLANE_NO_SPACE, MEMLANE_SYSTEM, MEMLANE_OWNERSHIP_LOST. Makes system calls. */
memlane_status memlane_lane_claim(struct memlane_lanes *lanes, uint32_t *lane, memlane_error *error);

/* Whether the lane is still the endpoint's. Wait-free. */
bool memlane_lane_is_ours(const struct memlane_lanes *lanes, uint32_t lane);

/* After somebody else than the lane's owner moved one of its slots: wakes its caller. */
void memlane_lane_tell(struct memlane_lanes *lanes, uint32_t lane);

/* A new server first moves on what dead ones had begun, so that its callers need not find out. */
void memlane_lanes_recover(struct memlane_lanes *lanes);

#endif
