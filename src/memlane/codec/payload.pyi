"""Payloads with buffers: a table, the head, and each buffer at its own cache line. In C alone."""
