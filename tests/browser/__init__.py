"""What needs a browser: `nox -s browser` runs it."""
