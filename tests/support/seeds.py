# SPDX-License-Identifier: Apache-2.0
"""Seeds of random cases: OTELUE_SEED sets the first one, OTELUE_RUNS how many there are. A case that fails says which
it was."""

import contextlib
import os
import random
import time

FIRST = int(os.environ.get("OTELUE_SEED", time.time_ns() % 2**31))


def seeds(runs):
    """So many, or as many as OTELUE_RUNS says."""
    runs = int(os.environ.get("OTELUE_RUNS", runs))
    print(f"OTELUE_SEED={FIRST} OTELUE_RUNS={runs}", flush=True)
    return range(FIRST, FIRST + runs)


def generator():
    """For a test that is one case."""
    print(f"OTELUE_SEED={FIRST}", flush=True)
    return random.Random(FIRST)


def name(seed):
    return f"OTELUE_SEED={seed} OTELUE_RUNS=1"


@contextlib.contextmanager
def named(seed):
    """Names the case in what is raised."""
    try:
        yield
    except Exception as error:
        raise AssertionError(f"{name(seed)}: {error!r}") from error
