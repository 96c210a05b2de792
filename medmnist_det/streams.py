"""Named, counter-based streams of random numbers: the same on every machine, for any worker."""

from __future__ import annotations

import hashlib

import numpy as np


def stream(seed: int, *names: str | int) -> np.random.Generator:
    """Return the generator that belongs to a seed and a name, e.g. ``(0, "annotate", 2, "train")``.

    A Philox generator (Salmon et al., SC 2011) keyed by a hash of the seed and the name: streams of
    different names are independent, and no stream depends on what another one has drawn.

    >>> float(stream(0, "scene", 7).random()) == float(stream(0, "scene", 7).random())
    True
    """
    key = hashlib.blake2b(repr((seed, *names)).encode(), digest_size=16).digest()
    return np.random.Generator(np.random.Philox(key=np.frombuffer(key, dtype="<u8").tolist()))
