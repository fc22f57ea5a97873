#include "gate.h"

#include <stddef.h>

enum { CHUNK_NS = 16000000 /* bounds how late a reader in the queue notices that a writer elsewhere is through */ };

/* The address tells live threads apart. */
static const void *this_thread(void) {
    static _Thread_local char self;
    return &self;
}

static void lock_gate(struct memlane_gate *gate) {
    memlane_mutex_lock(&gate->lock.segment->mutex);
}

static void unlock_gate(struct memlane_gate *gate) {
    memlane_mutex_unlock(&gate->lock.segment->mutex);
}

/* -- lists, under the mutex ----------------------------------------------------------------------------------------- */

static const struct memlane_gate_pass *pass_of(const struct memlane_gate *gate, const void *owner) {
    const struct memlane_gate_pass *pass = gate->inside;
    while (pass != NULL && pass->owner != owner) {
        pass = pass->next;
    }
    return pass;
}

static void append(struct memlane_gate_pass **list, struct memlane_gate_pass *pass) {
    while (*list != NULL) {
        list = &(*list)->next;
    }
    pass->next = NULL;
    *list = pass;
}

/* False when it was not there. */
static bool take_out(struct memlane_gate_pass **list, const struct memlane_gate_pass *pass) {
    while (*list != NULL && *list != pass) {
        list = &(*list)->next;
    }
    if (*list == NULL) {
        return false;
    }
    *list = pass->next;
    return true;
}

/* Something changed. The caller wakes the others by announce() once the mutex is free. */
static void raise_turn(struct memlane_gate *gate) {
    /* relaxed: written under the mutex only; who sleeps on the old number is woken, or does not fall asleep. */
    memlane_store32_relaxed(&gate->turn, memlane_load32_relaxed(&gate->turn) + 1);
}

static void unlock_and_announce(struct memlane_gate *gate) {
    bool somebody_waits = gate->waiting != NULL;
    raise_turn(gate);
    unlock_gate(gate);
    if (somebody_waits) {
        memlane_platform_futex_wake_all(&gate->turn);
    }
}

/* -- the way in ------------------------------------------------------------------------------------------------- */

static bool joins(const struct memlane_gate *gate, enum memlane_gate_mode mode) {
    return mode == MEMLANE_GATE_READ && gate->inside != NULL && gate->inside->mode == MEMLANE_GATE_READ &&
           !memlane_rwlock_is_wanted(&gate->lock);
}

static bool may_pass(const struct memlane_gate *gate, const struct memlane_gate_pass *pass) {
    return gate->waiting == pass && !gate->busy && (gate->inside == NULL || joins(gate, pass->mode));
}

/* Returns with the mutex, first in the queue and allowed in; or without a place. */
static memlane_status await_turn(struct memlane_gate *gate, const struct memlane_gate_pass *pass,
                                 const struct memlane_limit *limit) {
    while (!may_pass(gate, pass)) {
        uint32_t turn = memlane_load32_relaxed(&gate->turn); /* relaxed: under the mutex */
        unlock_gate(gate);
        memlane_status status = memlane_rwlock_doze(gate->lock.segment, &gate->turn, turn, CHUNK_NS, limit);
        lock_gate(gate);
        if (status != MEMLANE_OK) {
            take_out(&gate->waiting, pass);
            unlock_and_announce(gate);
            return status;
        }
    }
    return MEMLANE_OK;
}

static memlane_status acquire(struct memlane_gate *gate, struct memlane_gate_pass *pass,
                              const struct memlane_limit *limit) {
    return pass->mode == MEMLANE_GATE_READ ? memlane_rwlock_read(&gate->lock, limit)
                                           : memlane_rwlock_write(&gate->lock, limit, &pass->token);
}

/* The first of a group goes into the shared lock for all; while it does, the others stay in the queue. */
static memlane_status go_in(struct memlane_gate *gate, struct memlane_gate_pass *pass,
                            const struct memlane_limit *limit) {
    gate->busy = true;
    unlock_gate(gate);
    memlane_status status = acquire(gate, pass, limit);
    lock_gate(gate);
    gate->busy = false;
    if (status == MEMLANE_OK || status == MEMLANE_OWNER_DIED) {
        pass->tag = gate->lock.segment->tag;
        gate->recovered = status == MEMLANE_OWNER_DIED;
        append(&gate->inside, pass);
    }
    unlock_and_announce(gate);
    return status;
}

static memlane_status join(struct memlane_gate *gate, struct memlane_gate_pass *pass) {
    pass->tag = gate->lock.segment->tag;
    append(&gate->inside, pass);
    memlane_status status = gate->recovered ? MEMLANE_OWNER_DIED : MEMLANE_OK;
    unlock_and_announce(gate);
    return status;
}

memlane_status memlane_gate_enter(struct memlane_gate *gate, struct memlane_gate_pass *pass,
                                  enum memlane_gate_mode mode, enum memlane_gate_owner owner,
                                  const struct memlane_limit *limit) {
    *pass = (struct memlane_gate_pass){.owner = owner == MEMLANE_GATE_THREAD ? this_thread() : pass, .mode = mode};
    lock_gate(gate);
    if (pass_of(gate, pass->owner) != NULL) {
        unlock_gate(gate);
        return MEMLANE_ALREADY_LOCKED;
    }
    append(&gate->waiting, pass);
    memlane_status status = await_turn(gate, pass, limit);
    if (status != MEMLANE_OK) {
        return status;
    }
    take_out(&gate->waiting, pass);
    return gate->inside != NULL ? join(gate, pass) : go_in(gate, pass, limit);
}

/* -- the way out ------------------------------------------------------------------------------------------------- */

static memlane_status release(struct memlane_gate *gate, const struct memlane_gate_pass *pass) {
    return pass->mode == MEMLANE_GATE_READ ? memlane_rwlock_end_read(&gate->lock, pass->tag)
                                           : memlane_rwlock_end_write(&gate->lock, pass->token);
}

memlane_status memlane_gate_leave(struct memlane_gate *gate, struct memlane_gate_pass *pass) {
    memlane_status status = MEMLANE_OK;
    lock_gate(gate);
    if (!take_out(&gate->inside, pass)) { /* a child's, of a lock that its parent holds */
        unlock_gate(gate);
        return MEMLANE_OWNERSHIP_LOST;
    }
    if (gate->inside == NULL) {
        gate->busy = true;
        unlock_gate(gate);
        status = release(gate, pass);
        lock_gate(gate);
        gate->busy = false;
    }
    unlock_and_announce(gate);
    return status;
}

/* -- questions -------------------------------------------------------------------------------------------------- */

int memlane_gate_mode_here(struct memlane_gate *gate) {
    lock_gate(gate);
    const struct memlane_gate_pass *pass = pass_of(gate, this_thread());
    int mode = pass == NULL ? 0 : (int)pass->mode;
    unlock_gate(gate);
    return mode;
}

bool memlane_gate_is_taken(struct memlane_gate *gate) {
    lock_gate(gate);
    bool taken = gate->inside != NULL;
    unlock_gate(gate);
    return taken;
}

void memlane_gate_forget(struct memlane_gate *gate) {
    gate->waiting = NULL;
    gate->inside = NULL;
    gate->busy = false;
}
