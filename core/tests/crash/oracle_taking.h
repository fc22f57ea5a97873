/* What must hold of values that are taken: each at most once, none before an older one, and none is lost. */
#ifndef MEMLANE_CRASH_ORACLE_TAKING_H
#define MEMLANE_CRASH_ORACLE_TAKING_H

#include "oracle.h"

/* WRITER puts and takes while the victim is stopped; the inquest notes what. */
void taking_interfere(struct inquest *inquest);

/* What the players say that they took, and what waits now: the survivor `one` gets exactly that. */
void taking_check(const struct inquest *inquest, enum role one);

/* The survivors go on: what one puts the other gets, once. */
void taking_exercise(enum role one, enum role other);

#endif
