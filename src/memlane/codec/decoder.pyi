"""Bytes to values, bounded and in two phases: for the binding, in C alone."""
