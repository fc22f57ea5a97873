"""Tests of memlane. A package, so that a peer process imports a test module by its name."""
