/* Waiting for a word to change: the only function of the core that blocks on shared memory (core.md 2.3, and the
 * bell that core/models/wait.pml asks for). */
#ifndef MEMLANE_WAIT_H
#define MEMLANE_WAIT_H

#include "segment.h"

#define MEMLANE_FOREVER UINT64_MAX

/* Waits until *word differs from seen. MEMLANE_OK, MEMLANE_TIMEOUT at the absolute monotonic deadline (0: only looks),
 * MEMLANE_INTERRUPTED by a signal, MEMLANE_CLOSED, MEMLANE_CORRUPTED. Sleeps in chunks: a wake-up that a killed waker
 * owed, or that a hostile peer took, costs at most chunk_ns. */
memlane_status memlane_wait_change(struct memlane_segment *segment, const memlane_atomic64 *word,
                                   memlane_atomic32 *bell, uint64_t seen, uint64_t deadline_ns, uint64_t chunk_ns);

struct memlane_patience;

/* The same, for what often comes sooner than a wake-up takes: looks first for as long as patience says. */
memlane_status memlane_wait_change_patiently(struct memlane_segment *segment, const memlane_atomic64 *word,
                                             memlane_atomic32 *bell, uint64_t seen, uint64_t deadline_ns,
                                             uint64_t chunk_ns, struct memlane_patience *patience);

/* Arms the bell, and returns what it must be for a sleeper: then look at the word once more (seq_cst), and sleep on the
 * bell. For those who wait for several at once. */
uint32_t memlane_wait_arm(memlane_atomic32 *bell);

/* Whether somebody sleeps on it, or did and died: for display. */
bool memlane_wait_is_armed(const memlane_atomic32 *bell);

/* The same until is_over(argument), which is asked after the bell was armed, at each wake and after each chunk. Its loads
 * of what is waited for are seq_cst. Does not spin. */
memlane_status memlane_wait_until(struct memlane_segment *segment, memlane_atomic32 *bell, bool (*is_over)(void *),
                                  void *argument, uint64_t deadline_ns, uint64_t chunk_ns);

/* How often to look before sleeping: for about 2 us, less than a wake-up costs. Where this process has one processor the
 * other side cannot run meanwhile: once. */
int memlane_wait_spins(void);

/* After the publishing operation on the word, which was seq_cst. */
void memlane_wait_notify(memlane_atomic32 *bell);

#endif
