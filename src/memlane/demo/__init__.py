"""``memlane demo``: a camera, a model and a controller that share what they know through host variables.

The three are processes of their own, which the supervisor may kill at any time. What they report reaches it by
pipes, outside shared memory, so that it can judge what shared memory did.

::

    camera ──frame, pose──> model ──labels, statistics──> controller ──command──> camera
       └────────────────frame, pose─────────────────────────^

What a process does is in `camera`, `model` and `controller`, on top of `station`; what is true afterwards is found in
`ledger`, `gaps` and `summary`.
"""
