"""Runs a module under cProfile: `python -m bench.profiled FILE -m MODULE ARGUMENTS...`.

Unlike `python -m cProfile` it counts processor time, so that waiting costs nothing, on an idle
machine and on a busy one.
"""

from __future__ import annotations

import cProfile
import runpy
import sys
import time


def main() -> None:
    """Run it as if it had been started by itself; write the profile when it ends."""
    path, _, module, *arguments = sys.argv[1:]
    sys.argv = [module, *arguments]
    profile = cProfile.Profile(time.thread_time)
    profile.enable()
    try:
        runpy.run_module(module, run_name="__main__", alter_sys=True)
    finally:
        profile.disable()
        profile.dump_stats(path)


if __name__ == "__main__":
    main()
