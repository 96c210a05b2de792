from itertools import product

import numpy as np
import pytest
import torch

from annotators.learn.crowd_layer import CrowdLayer, ThroughRaters, _prior
from annotators.simulate.matrices import transition_matrix
from annotators.simulate.options import AnnotatorOptions
from medmnist_det.reference.learner import one_cycle
from medmnist_det.reference.lessons import NOT_ASSIGNED
from medmnist_det.reference.loss import Matches
from medmnist_det.reference.recipe import Recipe
from tests.annotators.crowds import simulated, truth

CLASSES, RATERS = 4, 3
MISS = CLASSES


@pytest.fixture(autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def matches(reports, weight=None):
    """Return matches of which a crowd layer reads nothing but reports and weights."""
    n = len(reports)
    return Matches(
        row=torch.zeros(n, dtype=torch.long),
        cell=torch.zeros(n, 2),
        anchor=torch.zeros(n, 2),
        box=torch.zeros(n, 4),
        classes=torch.zeros(n, CLASSES),
        weight=torch.ones(n) if weight is None else torch.tensor(weight),
        reports=torch.tensor(reports, dtype=torch.float32),
    )


@pytest.fixture
def layer():
    found = ThroughRaters(CLASSES, np.full(RATERS, 1 / RATERS)).double()
    with torch.no_grad():
        found.rows.add_(torch.randn(found.rows.shape, generator=torch.manual_seed(1)))
    return found


REPORTS = [
    [0, 1, MISS],
    [MISS, MISS, 2],
    [3, 3, 3],
    [NOT_ASSIGNED, 2, MISS],
    [NOT_ASSIGNED, NOT_ASSIGNED, 1],
]


def raw_of(n=5):
    return torch.randn(n, 1 + CLASSES, generator=torch.manual_seed(2), dtype=torch.float64)


def test_the_loss_is_that_of_all_reports_that_somebody_could_have_made(layer):
    """Count every combination of reports in which at least one rater draws the object."""
    matrix, raw = layer.rows.softmax(-1).detach().numpy(), raw_of()
    found = layer(raw, matches(REPORTS), 0.1).detach().numpy()
    p = raw[:, 1:].softmax(dim=1).numpy()
    for row, reports in enumerate(REPORTS):
        team = [r for r in range(RATERS) if reports[r] != NOT_ASSIGNED]
        seen = np.zeros(CLASSES)
        said = np.zeros((CLASSES, RATERS))
        for case in product(range(CLASSES + 1), repeat=len(team)):
            if all(report == MISS for report in case):
                continue
            chance = np.prod([matrix[r, :, j] for r, j in zip(team, case, strict=True)], axis=0)
            seen += chance
            for r, j in zip(team, case, strict=True):
                said[:, r] += chance * (j == reports[r])
        literal = np.mean([-np.log(p[row] @ (said[:, r] / seen)) for r in team])
        assert found[row] == pytest.approx(literal, abs=1e-9)


def test_its_gradients_are_those_of_finite_differences(layer):
    rows = layer.rows.detach().clone()

    def loss(raw, rows):
        return torch.func.functional_call(layer, {"rows": rows}, (raw, matches(REPORTS), 0.1))

    raw = raw_of().requires_grad_()
    assert torch.autograd.gradcheck(loss, (raw, rows.requires_grad_()))


def test_the_gradient_of_the_trace_is_that_of_finite_differences(layer):
    rows = layer.rows.detach().clone().requires_grad_()
    layer.share = layer.share.double()

    def penalty(rows):
        with torch.no_grad():
            layer.rows.copy_(rows)
        names = rows[..., :-1].softmax(-1)
        return (layer.share * names.diagonal(dim1=1, dim2=2).sum(-1)).sum()

    wanted = torch.autograd.grad(penalty(rows), rows)[0]
    layer.rows.grad = None
    layer.penalty().backward()
    torch.testing.assert_close(layer.rows.grad, 0.01 * wanted)
    assert layer.rows.grad[..., -1].abs().max() == 0  # misses are no names


def test_the_penalty_draws_matrices_away_from_the_identity(layer):
    optimiser = torch.optim.SGD(layer.parameters(), lr=10.0)
    before = layer.rows.softmax(-1).diagonal(dim1=1, dim2=2).sum().item()
    for _ in range(20):
        optimiser.zero_grad()
        layer.penalty().backward()
        optimiser.step()
    assert layer.rows.softmax(-1).diagonal(dim1=1, dim2=2).sum().item() < before


def test_objectness_is_not_taught_by_names(layer):
    raw = raw_of().requires_grad_()
    layer(raw, matches(REPORTS), 0.1).sum().backward()
    assert raw.grad[:, 0].abs().max() == 0


def test_who_did_not_look_and_what_is_not_taught_costs_nothing(layer):
    found = layer(raw_of(), matches(REPORTS, weight=[0.0, 0.5, 0.0, 0.0, 1.0]), 0.1)
    assert (found == 0).tolist() == [True, False, True, True, False]
    found[4].backward()
    assert layer.rows.grad[:2].abs().max() == 0
    assert layer.rows.grad[2].abs().max() > 0


def test_where_one_rater_looked_nothing_is_learned_of_misses(layer):
    layer(raw_of(1), matches([[NOT_ASSIGNED, NOT_ASSIGNED, 1]]), 0.1).sum().backward()
    assert layer.rows.grad[..., MISS].abs().max() < 1e-12


def test_raters_begin_as_people_who_are_nearly_always_right():
    start = ThroughRaters(10, np.full(3, 1 / 3)).rows.softmax(-1)
    torch.testing.assert_close(start.sum(-1), torch.ones(3, 10))
    torch.testing.assert_close(start.diagonal(dim1=1, dim2=2), torch.full((3, 10), 0.9))


def blobs(matrices, images=3000, alone=False, seed=0):
    """Return points of four classes, their classes, and reports on those that somebody drew."""
    random = np.random.default_rng(seed)
    true = random.integers(0, CLASSES, images)
    points = np.eye(CLASSES)[true] * 4 + random.normal(size=(images, CLASSES))
    reports = np.stack(
        [[random.choice(CLASSES + 1, p=one[k]) for k in true] for one in matrices], axis=1
    )
    if alone:
        chosen = random.integers(0, len(matrices), images)
        reports[np.arange(len(matrices)) != chosen[:, None]] = NOT_ASSIGNED
    drawn = ((reports != NOT_ASSIGNED) & (reports != MISS)).any(axis=1)
    return torch.from_numpy(points[drawn]).float(), true[drawn], reports[drawn]


def trained(points, reports, share, steps=400, lr=0.01):
    torch.manual_seed(0)
    net, layer = torch.nn.Linear(CLASSES, 1 + CLASSES), ThroughRaters(CLASSES, share)
    optimiser = torch.optim.Adam([{"params": net.parameters()}, {"params": layer.parameters()}])
    known = matches(reports.tolist())
    for step in range(1, steps + 1):
        for group, pace in zip(optimiser.param_groups, (1, layer.lr), strict=True):
            group["lr"] = lr * pace * one_cycle(step / steps)
        optimiser.zero_grad()
        (layer(net(points), known, 0.0).mean() + layer.penalty()).backward()
        optimiser.step()
    return net(points)[:, 1:].argmax(1).numpy(), layer.rows.softmax(-1).detach().numpy()


def families(names, p, seed=0):
    random = np.random.default_rng(seed)
    return [transition_matrix(name, CLASSES, p, 0.0, random) for name in names]


@pytest.mark.parametrize(("alone", "error"), [(False, 0.01), (True, 0.03)])
def test_matrices_are_found_with_the_names(alone, error):
    """Below: what counting 3,000 objects' true names leaves is .001, and .003 with one report."""
    raters = families(["hammer-spammer", "pairwise-flipper", "ordered", "adversarial"], 0.6)
    points, true, reports = blobs(raters, alone=alone)
    names, matrix = trained(points, reports, np.full(4, 1 / 4))
    assert (names == true).mean() > 0.98
    # Where a rater is alone nothing tells misses.
    wanted = np.stack(raters)[:, :-1]
    if alone:
        matrix, wanted = matrix[..., :-1], wanted[..., :-1]
        matrix, wanted = (m / m.sum(-1, keepdims=True) for m in (matrix, wanted))
    assert ((matrix - wanted) ** 2).sum(axis=(1, 2)).mean() / CLASSES < error


def test_misses_are_not_underestimated_where_many_objects_are_seen_by_nobody():
    """Of objects that two raters miss half of each, a quarter is in no group."""
    raters = [np.hstack([np.eye(CLASSES) * 0.5, np.full((CLASSES, 1), 0.5)])] * 2
    points, _, reports = blobs(raters)
    assert (reports == MISS).mean() == pytest.approx(1 / 3, abs=0.02)
    _, matrix = trained(points, reports, np.full(2, 1 / 2))
    assert matrix[..., MISS].mean() == pytest.approx(0.5, abs=0.03)


class Crowd:
    """A data folder of which a teacher reads nothing but the crowd."""

    def __init__(self, found):
        self.found = found

    def crowd(self, _split):
        return self.found


def test_what_it_says_of_the_raters():
    found, known = simulated(truth(1500), [AnnotatorOptions(proficiency=0.8, spurious=0.2)] * 3)
    teacher = CrowdLayer(Recipe(method="crowd-layer"))
    teacher.lessons(Crowd(found), "train")
    layer = ThroughRaters(10, np.full(3, 1 / 3))
    with torch.no_grad():
        layer.rows.copy_(torch.from_numpy(known.matrix[:, :-1]).clamp(min=1e-6).log())
    raters = teacher.raters(layer)
    np.testing.assert_allclose(raters.matrix.sum(axis=-1), 1)
    np.testing.assert_allclose(raters.matrix[:, :-1], known.matrix[:, :-1], atol=1e-4)
    np.testing.assert_allclose(raters.spurious, 0.2, atol=0.05)
    np.testing.assert_allclose(raters.prior, 0.1, atol=0.02)


def test_the_frequency_of_classes_follows_from_counts_and_matrices():
    prior = np.array([0.5, 0.3, 0.1, 0.1])
    rows = np.stack(families(["hammer-spammer", "ordered"], 0.7))[:, :-1]
    np.testing.assert_allclose(_prior(rows, 1000 * prior @ rows), prior, atol=0.01)


def test_a_criterion_that_is_no_crowd_layer_is_refused():
    from medmnist_det.reference.criterion import Criterion

    with pytest.raises(TypeError, match="Criterion is no crowd layer"):
        CrowdLayer(Recipe(method="crowd-layer")).raters(Criterion())
