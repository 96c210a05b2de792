import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from medmnist_det.ragged import ranges


@given(st.lists(st.tuples(st.integers(-50, 10**12), st.integers(0, 7))))
def test_ranges_are_those_of_a_loop(rows):
    starts, counts = np.array(rows, dtype=np.int64).reshape(-1, 2).T

    found = ranges(starts, counts)

    assert found.dtype == np.int64
    assert found.tolist() == [start + k for start, count in rows for k in range(count)]
