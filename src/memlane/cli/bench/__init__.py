"""``memlane bench``: how fast memlane is on this machine, beside what Python has, and what slows it."""
