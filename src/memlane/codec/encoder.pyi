"""Values to bytes, in one pass: for the binding, in C alone."""
