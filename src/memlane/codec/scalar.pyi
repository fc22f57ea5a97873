"""One element of a field: from Python to bytes, and back."""
