"""``memlane demo``: a camera, a model and a controller that share what they know.

The three are processes of their own, which the supervisor may kill at any time. What they report reaches it by
pipes, outside shared memory, so that it can judge what shared memory did.

::

    camera ──frame, pose──> controller ──segment(frame)──> model ──telemetry──> supervisor
       ^                     │   ^                           │
       └───────command───────┘   └────labels, statistics─────┘

What a process does is in `camera`, `model` and `controller` (or ``controller.cpp``, which `program` compiles), on top
of `station`, `question` and `telemetry`; what is true afterwards is found in `ledger`, `gaps` and `summary`.
"""
