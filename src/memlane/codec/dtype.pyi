"""numpy dtypes to bounded descriptions, and back: for the other modules of the codec, in C alone."""
