"""Structs and arrays: from Python to bytes, and back."""
