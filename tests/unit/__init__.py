"""One process: what each part of the public surface does."""
