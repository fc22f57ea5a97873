"""What the package brings for C and C++ programs, whichever way it was installed."""
