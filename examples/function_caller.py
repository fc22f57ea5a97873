"""The Python twin of function_caller.c: calls the function `judge`, whoever serves it."""

from __future__ import annotations

import numpy as np

from memlane import HostFunctionCaller

FRAME = np.dtype([("number", "u8"), ("exposure", "f4"), ("pixels", "u4", 3)], align=True)
VERDICT = np.dtype([("number", "u8"), ("brightness", "f8")])


def main() -> None:
    """Call a thousand times, and check what comes back."""
    right = 0
    with HostFunctionCaller("judge", arg_format=FRAME, ret_format=VERDICT) as judge:
        for number in range(1000):
            verdict = judge.call(number=number, exposure=0.5, pixels=(1, 2, number))
            right += verdict["number"] == number and verdict["brightness"] == (3 + number) / 2
    print(f"{right} of 1000 verdicts are right")


if __name__ == "__main__":
    main()
