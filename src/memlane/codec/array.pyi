"""numpy arrays to descriptions with buffers, and back: for the other modules of the codec, in C alone."""
