import numpy as np

from medmnist_det.streams import stream


def test_a_stream_is_what_it_is_named_and_nothing_else():
    first = stream(0, "scenes", "train", 3)
    again = stream(0, "scenes", "train", 3)
    assert first.random(5).tolist() == again.random(5).tolist()


def test_other_names_and_seeds_give_other_streams():
    names = [(0, "a", 1), (0, "a", 11), (0, "a1"), (0, "a", "1"), (1, "a", 1), (0, "b", 1), (0,)]
    draws = [stream(*name).random(4).tolist() for name in names]
    assert len({tuple(draw) for draw in draws}) == len(names)


def test_neighbouring_streams_are_not_correlated():
    draws = np.stack([stream(0, "x", k).random(4000) for k in range(20)])
    off_diagonal = np.corrcoef(draws)[~np.eye(20, dtype=bool)]
    assert np.abs(off_diagonal).max() < 5 / np.sqrt(4000)  # five standard errors


def test_numpy_still_draws_the_numbers_of_the_frozen_editions():
    # NumPy may change what a Generator draws; the data would no longer be the same for everybody.
    rng = stream(0, "frozen")
    assert rng.random(2).tolist() == [0.8419062295882447, 0.684364139853604]
    assert rng.integers(0, [10, 1000]).tolist() == [5, 561]
    assert rng.standard_normal(2).tolist() == [1.0056486581951412, -0.627960322859054]
