/* What must hold of transactions: no change of others is overwritten unseen, and the next one begins and ends. */
#ifndef MEMLANE_CRASH_ORACLE_TRANSACTION_H
#define MEMLANE_CRASH_ORACLE_TRANSACTION_H

#include "oracle.h"

/* Before and after the others work while the victim is stopped: the inquest notes what was there, and what they left. */
void transaction_note_before(struct inquest *inquest);
void transaction_note_after(struct inquest *inquest);

/* What the player says that it found is what it replaced. */
void transaction_check(const struct inquest *inquest);

/* Whether the lock may have been lost: others published since. */
bool transaction_may_be_lost(const struct inquest *inquest);

/* A survivor changes the value by turns with another one; `held`: somebody who is stopped has the lock. */
void transaction_exercise(bool held, enum role one, enum role other);

#endif
