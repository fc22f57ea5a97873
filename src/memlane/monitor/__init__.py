"""The web page of ``memlane monitor``: what is in shared memory, live, in a browser on the same machine.

It stands on `memlane.inspect` and attaches nothing; only a write, where it was allowed, opens an object as others do.
"""
