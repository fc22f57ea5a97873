/* The victim's objects beside its variable and its locks: one operation on each, and their end. */
#ifndef MEMLANE_SCRIBBLE_VICTIM_OBJECTS_H
#define MEMLANE_SCRIBBLE_VICTIM_OBJECTS_H

void victim_use_channel(void);
void victim_close_channel(void);
void victim_use_function(void);
void victim_close_function(void);
void victim_use_map(void);
void victim_close_map(void);

#endif
