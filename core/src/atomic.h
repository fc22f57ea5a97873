/* The only file that knows <stdatomic.h>. Each operation carries its order in its name, so that one
 * search lists every order that the design depends on. Edges between operations are named where they
 * are used and listed in docs/design/memory-model.md.
 *
 * All words are naturally aligned also where the ABI would not do it: i386 puts a plain 64-bit member
 * at a multiple of four, which would tear across a cache line and shift the layout. */
#ifndef MEMLANE_ATOMIC_H
#define MEMLANE_ATOMIC_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

typedef struct memlane_atomic32 {
    _Alignas(4) _Atomic uint32_t value;
} memlane_atomic32;

typedef struct memlane_atomic64 {
    _Alignas(8) _Atomic uint64_t value;
} memlane_atomic64;

_Static_assert(sizeof(memlane_atomic32) == 4, "an atomic word carries no lock");
_Static_assert(sizeof(memlane_atomic64) == 8, "an atomic word carries no lock");

static inline uint32_t memlane_load32_relaxed(const memlane_atomic32 *word) {
    return atomic_load_explicit(&word->value, memory_order_relaxed);
}

static inline uint32_t memlane_load32_acquire(const memlane_atomic32 *word) {
    return atomic_load_explicit(&word->value, memory_order_acquire);
}

static inline uint32_t memlane_load32_seq_cst(const memlane_atomic32 *word) {
    return atomic_load_explicit(&word->value, memory_order_seq_cst);
}

static inline void memlane_store32_relaxed(memlane_atomic32 *word, uint32_t value) {
    atomic_store_explicit(&word->value, value, memory_order_relaxed);
}

static inline void memlane_store32_release(memlane_atomic32 *word, uint32_t value) {
    atomic_store_explicit(&word->value, value, memory_order_release);
}

static inline uint32_t memlane_exchange32_seq_cst(memlane_atomic32 *word, uint32_t value) {
    return atomic_exchange_explicit(&word->value, value, memory_order_seq_cst);
}

static inline uint32_t memlane_add32_seq_cst(memlane_atomic32 *word, uint32_t value) {
    return atomic_fetch_add_explicit(&word->value, value, memory_order_seq_cst);
}

static inline bool memlane_cas32_seq_cst(memlane_atomic32 *word, uint32_t expected, uint32_t value) {
    return atomic_compare_exchange_strong_explicit(&word->value, &expected, value, memory_order_seq_cst,
                                                   memory_order_relaxed);
}

static inline uint64_t memlane_load_relaxed(const memlane_atomic64 *word) {
    return atomic_load_explicit(&word->value, memory_order_relaxed);
}

static inline uint64_t memlane_load_acquire(const memlane_atomic64 *word) {
    return atomic_load_explicit(&word->value, memory_order_acquire);
}

static inline uint64_t memlane_load_seq_cst(const memlane_atomic64 *word) {
    return atomic_load_explicit(&word->value, memory_order_seq_cst);
}

static inline void memlane_store_relaxed(memlane_atomic64 *word, uint64_t value) {
    atomic_store_explicit(&word->value, value, memory_order_relaxed);
}

static inline void memlane_store_release(memlane_atomic64 *word, uint64_t value) {
    atomic_store_explicit(&word->value, value, memory_order_release);
}

static inline void memlane_store_seq_cst(memlane_atomic64 *word, uint64_t value) {
    atomic_store_explicit(&word->value, value, memory_order_seq_cst);
}

static inline uint64_t memlane_add_relaxed(memlane_atomic64 *word, uint64_t value) {
    return atomic_fetch_add_explicit(&word->value, value, memory_order_relaxed);
}

static inline uint64_t memlane_add_seq_cst(memlane_atomic64 *word, uint64_t value) {
    return atomic_fetch_add_explicit(&word->value, value, memory_order_seq_cst);
}

static inline uint64_t memlane_or_acquire(memlane_atomic64 *word, uint64_t bits) {
    return atomic_fetch_or_explicit(&word->value, bits, memory_order_acquire);
}

static inline uint64_t memlane_and_release(memlane_atomic64 *word, uint64_t bits) {
    return atomic_fetch_and_explicit(&word->value, bits, memory_order_release);
}

static inline bool memlane_cas_relaxed(memlane_atomic64 *word, uint64_t expected, uint64_t value) {
    return atomic_compare_exchange_strong_explicit(&word->value, &expected, value, memory_order_relaxed,
                                                   memory_order_relaxed);
}

static inline bool memlane_cas_acquire(memlane_atomic64 *word, uint64_t expected, uint64_t value) {
    return atomic_compare_exchange_strong_explicit(&word->value, &expected, value, memory_order_acquire,
                                                   memory_order_relaxed);
}

static inline bool memlane_cas_release(memlane_atomic64 *word, uint64_t expected, uint64_t value) {
    return atomic_compare_exchange_strong_explicit(&word->value, &expected, value, memory_order_release,
                                                   memory_order_relaxed);
}

static inline bool memlane_cas_acq_rel(memlane_atomic64 *word, uint64_t expected, uint64_t value) {
    return atomic_compare_exchange_strong_explicit(&word->value, &expected, value, memory_order_acq_rel,
                                                   memory_order_relaxed);
}

static inline bool memlane_cas_seq_cst(memlane_atomic64 *word, uint64_t expected, uint64_t value) {
    return atomic_compare_exchange_strong_explicit(&word->value, &expected, value, memory_order_seq_cst,
                                                   memory_order_relaxed);
}

static inline void memlane_fence_acquire(void) {
    atomic_thread_fence(memory_order_acquire);
}

static inline void memlane_fence_release(void) {
    atomic_thread_fence(memory_order_release);
}

static inline void memlane_fence_seq_cst(void) {
    atomic_thread_fence(memory_order_seq_cst);
}

#endif
