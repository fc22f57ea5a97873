"""Seconds as callers give them, and deadlines as the library takes them."""
