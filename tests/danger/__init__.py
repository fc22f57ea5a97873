"""Bad input: damaged objects, hostile directories, exhausted resources."""
