# -*- coding: utf-8 -*-
"""One side of an exchange between two interpreters, for Python 2.7 to the newest.

    exchange.py ask|answer variable|share|clouds COUNT

The side that asks sends values and compares what comes back; the other one sends back what it gets. With `memlane`
installed it is used, else `memlane_compat`. Prints what it is when it is ready, and the milliseconds when it has asked.
"""

from __future__ import print_function

import os
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
try:
    if "MEMLANE_COMPAT" in os.environ:
        raise ImportError
    import memlane
except ImportError:
    import memlane_compat as memlane

PATIENCE = 30
CLOUD = (150000, 4)


def values(number):
    """The number-th value to send; text of Python 2 is unicode, and bytes are none that could be text."""
    return [
        number, -number, number * 10**20, number / 8.0, True, None, u"\xe9t\xe9 %d" % number, b"\xff\x00", (),
        (number, (u"nested", [None, {u"key": number, 2: [1.5]}])), b"\xff" * 5000, [number] * 300, u"long" * 100,
        {u"a": {u"b": (1,)}, number: u""},
    ]


class Variables(object):
    """Two variables, one each way."""

    def __init__(self, asks):
        names = ("ask", "answer") if asks else ("answer", "ask")
        self.mine, self.theirs = [memlane.HostVariable(name, 65536, protocol=2) for name in names]
        self.seen = 0

    def send(self, value):
        self.mine.data = value

    def receive(self):
        self.theirs.wait(newer_than=self.seen, timeout=PATIENCE)
        reading = self.theirs.read()
        self.seen = reading[1]
        return reading[0]

    def sample(self, number):
        choices = values(number)
        return choices[number % len(choices)]

    def same(self, one, other):
        return one == other


class Shares(Variables):
    """Two shares, one each way."""

    kind, size = "SharedAssign", 65536

    def __init__(self, asks):
        names = ("ask", "answer") if asks else ("answer", "ask")
        share = getattr(memlane, self.kind)
        self.mine, self.theirs = share(names[0], self.size, "put"), share(names[1], self.size, "get")
        self.send = self.mine.put

    def receive(self):
        return self.theirs.get(timeout=PATIENCE)


class Clouds(Shares):
    """Point clouds, compared bit by bit."""

    kind, size = "NumpyShare", "5M"

    def sample(self, number):
        import numpy

        return numpy.random.RandomState(number).normal(size=CLOUD).astype(numpy.float32)

    def same(self, one, other):
        return one.dtype == other.dtype and one.shape == other.shape and one.tobytes() == other.tobytes()


def main(side, surface, count):
    """Play one side to its end."""
    exchange = {"variable": Variables, "share": Shares, "clouds": Clouds}[surface](side == "ask")
    print("%s %d.%d ready" % ((memlane.__name__,) + tuple(sys.version_info[:2])))
    sys.stdout.flush()
    if side == "ask":
        sys.stdin.readline()
    began = time.time()
    for number in range(int(count)):
        if side == "answer":
            exchange.send(exchange.receive())
            continue
        sent = exchange.sample(number)
        exchange.send(sent)
        came = exchange.receive()
        if not exchange.same(sent, came):
            sys.exit("exchange %d: sent %.80r, %.80r came back" % (number, sent, came))
    print("%.3f" % ((time.time() - began) * 1000))


if __name__ == "__main__":
    main(*sys.argv[1:])
