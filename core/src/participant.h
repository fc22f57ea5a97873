/* Participants of a segment: who is attached, and who of them lives (core.md 2.2, D9-D13, D51).
 *
 * Liveness is an OFD lock on one byte for each index: the kernel drops it on any death, also before a zombie is
 * reaped and across pid namespaces, and never because a pid was reused. */
#ifndef MEMLANE_PARTICIPANT_H
#define MEMLANE_PARTICIPANT_H

#include "segment.h"

enum memlane_verdict { MEMLANE_ALIVE, MEMLANE_DEAD };

enum { MEMLANE_DESCRIPTION_SIZE = 80 };

/* Takes a free index with the byte lock on `descriptor`, raises its generation and cleans it: the caller owns *index.
 * The entry's pid stays 0 until memlane_participant_introduce(). MEMLANE_TOO_MANY_PARTICIPANTS: none is free, or
 * somebody holds all bytes because the object is being removed; MEMLANE_SYSTEM. Lock-free; makes system calls. */
memlane_status memlane_participant_attach(struct memlane_segment *segment, int descriptor, uint32_t *index);

/* Makes the index that was attached this endpoint's own. */
void memlane_participant_adopt(struct memlane_segment *segment, uint32_t index);

/* Fills in who the owner of the endpoint's index is. Async-signal-safe. */
void memlane_participant_introduce(struct memlane_segment *segment);

/* Gives the endpoint's index back: all that belonged to it first. The byte lock ends with the descriptor. Under
 * memlane_fork_hold(). */
void memlane_participant_detach(struct memlane_segment *segment);

/* Whether the owner of the index (of any generation), or of the tag, lives. Never decided by time; once DEAD a tag
 * stays dead. DEAD ends with a seq_cst fence: what is loaded afterwards is at least as new as the dead owner's last
 * store. */
enum memlane_verdict memlane_participant_verdict(const struct memlane_segment *segment, uint32_t index);
enum memlane_verdict memlane_participant_verdict_of_tag(const struct memlane_segment *segment, uint32_t tag);

/* The tag that the index has now. Of use to who holds its byte lock. */
uint32_t memlane_participant_tag(const struct memlane_segment *segment, uint32_t index);

/* The janitor: cleans every index that nobody holds. Returns how many it cleaned. Takes the fork mutex. */
uint32_t memlane_participant_collect(struct memlane_segment *segment);

/* Whether nobody lives, also nobody who lost the byte lock. For the holder of all byte locks. */
bool memlane_participant_none_lives(const struct memlane_segment *segment);

/* Who the index was introduced as last; pid 0: nobody, or somebody who has not done so yet. For display: may be torn. */
enum { MEMLANE_LABEL_SIZE = MEMLANE_LABEL_WORDS * 8 + 1 };
struct memlane_participant_identity {
    struct memlane_process process;
    uint32_t thread;
    char label[MEMLANE_LABEL_SIZE]; /* printable ASCII */
};
void memlane_participant_identify(const struct memlane_segment *segment, uint32_t index,
                                  struct memlane_participant_identity *identity);

/* "pid 1234 (camera)", for error texts. */
void memlane_participant_describe(const struct memlane_segment *segment, uint32_t index,
                                  char text[MEMLANE_DESCRIPTION_SIZE]);

/* Number of live participants; the first ones' descriptions in text when it is not NULL. */
uint32_t memlane_participant_survey(const struct memlane_segment *segment, char *text, size_t size);

/* Whether the descriptor still is this segment's file (D12): somebody may have closed it and the number be
 * another's. */
bool memlane_participant_descriptor_is_ours(const struct memlane_segment *segment, int descriptor);

/* The same where the number may be that of another endpoint of the same object: gives the endpoint's descriptor up when
 * `second`, another description of the file, sees that nobody holds the byte lock of its index. */
void memlane_participant_notice_loss(struct memlane_segment *segment, int second);

#endif
