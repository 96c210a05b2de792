import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from annotators.simulate.matrices import FAMILIES, dominant, transition_matrix
from medmnist_det.errors import InputError

DIGITS = ("structured", "adversarial", "average", "instance")
ANY_SIZE = [family for family in FAMILIES if family not in DIGITS]
ps = st.floats(0, 1)


def draw(family, p=0.8, classes=10, spurious=0.0, seed=0):
    return transition_matrix(family, classes, p, spurious, np.random.default_rng(seed))


@given(st.sampled_from(FAMILIES), ps, st.floats(0, 10), st.integers(0, 99))
def test_rows_are_probabilities(family, p, spurious, seed):
    matrix = draw(family, p, 10, spurious, seed)
    assert matrix.shape == (11, 11)
    assert (matrix >= 0).all()
    assert np.allclose(matrix.sum(axis=1), 1, rtol=0, atol=1e-12)


@given(st.sampled_from(ANY_SIZE), ps, st.integers(1, 20))
def test_any_number_of_classes_will_do(family, p, classes):
    matrix = draw(family, p, classes)
    assert matrix.shape == (classes + 1, classes + 1)
    assert np.allclose(matrix.sum(axis=1), 1, rtol=0, atol=1e-12)


@given(ps, st.integers(1, 20), st.integers(0, 99))
def test_random_matrices_are_diagonally_dominant_at_every_p(p, classes, seed):
    matrix = draw("random", p, classes, seed=seed)
    assert dominant(matrix).all()
    for row in range(classes):
        assert all(matrix[row, row] > matrix[row, k] for k in range(classes + 1) if k != row)


def test_random_diagonals_follow_the_paper_s_law_as_far_as_dominance_allows():
    diagonal = np.concatenate([np.diagonal(draw("random", seed=k))[:-1] for k in range(400)])
    # clip(N(.8, .5), .05, 1) is 1 with probability .345; rows that are 1 are always dominant, rows
    # that are .05 never, so that dominance can only raise the share. 4 standard errors below.
    assert (diagonal == 1).mean() > 0.345 - 4 * np.sqrt(0.345 * 0.655 / diagonal.size)
    assert diagonal.min() > 1 / 11
    assert 0.7 < diagonal.mean() < 0.8


def test_the_last_row_says_how_often_nothing_is_hallucinated():
    assert draw("uniform", spurious=0.3)[-1, -1] == pytest.approx(np.exp(-0.3))
    assert draw("uniform").tolist()[-1] == [0] * 10 + [1]


@pytest.mark.parametrize("p", [0.0, 0.3, 0.8, 1.0])
def test_uniform_is_the_law_of_the_published_code(p):
    rows = draw("uniform", p)[:-1]
    expected = np.full((10, 11), (1 - p) / 10)
    np.fill_diagonal(expected, p)
    assert np.allclose(rows, expected)


def test_a_hammer_spammer_is_right_or_says_anything():
    rows = draw("hammer-spammer", 0.78)[:-1]
    assert np.allclose(rows - 0.78 * np.eye(10, 11), 0.22 / 11)


def test_a_pairwise_flipper_takes_each_class_for_one_other():
    for seed in range(20):
        rows = draw("pairwise-flipper", 0.7, seed=seed)[:-1]
        assert np.allclose(np.diagonal(rows), 0.7)
        assert ((rows[:, :10] > 0).sum(axis=1) == 2).all()
        assert np.allclose(rows[:, 10], 0.03)


def test_structured_confusions_stay_among_look_alikes():
    rows = draw("structured", 0.6)[:-1]
    partners = {3: {5, 8}, 5: {3, 8}, 8: {3, 5}, 4: {9}, 9: {4}, 1: {7}, 7: {1}, 0: {6}, 6: {0}}
    for digit, others in partners.items():
        assert set(np.flatnonzero(rows[digit, :10])) == others | {digit}
    assert (rows[2, :10] > 0).all()
    for family in ("structured", "instance"):
        with pytest.raises(InputError, match=f"'{family}' knows ten digits, not 4 classes"):
            draw(family, classes=4)


def test_ordered_confusions_stay_among_neighbours():
    rows = draw("ordered", 0.6)[:-1, :10]
    away = np.abs(np.arange(10)[:, None] - np.arange(10))
    assert (rows[away > 1] == 0).all()
    assert (rows[away == 1] > 0).all()


def test_an_adversary_never_prefers_the_right_name_and_no_two_classes_share_one():
    for seed in range(20):
        rows = draw("adversarial", 0.8, seed=seed)[:-1]
        preferred = rows.argmax(axis=1)
        assert sorted(preferred) == list(range(10))
        assert (preferred != np.arange(10)).all()
        assert np.allclose(rows.max(axis=1), 0.8)
    with pytest.raises(InputError, match="needs two classes or more"):
        draw("adversarial", classes=1)


def test_the_average_annotator_is_the_mean_of_several():
    rng = np.random.default_rng(5)
    several = ("hammer-spammer", "pairwise-flipper", "ordered", "adversarial")
    expected = np.mean([transition_matrix(f, 10, 0.8, 0, rng)[:-1] for f in several], axis=0)
    assert np.allclose(draw("average", seed=5)[:-1], expected)


def test_dominance_counts_misses():
    assert dominant(np.array([[0.6, 0.4], [0, 1]])).tolist() == [True]
    assert dominant(np.array([[0.5, 0.5], [0, 1]])).tolist() == [False]
