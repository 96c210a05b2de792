import numpy as np
import pytest
import torch
from torch.nn import functional

from annotators.learn.vote import Sights, Vote, Weighing, look, names_of, sharpened, tried
from medmnist_det.reference.criterion import Step
from medmnist_det.reference.learner import one_cycle
from medmnist_det.reference.lessons import NOT_ASSIGNED
from medmnist_det.reference.loss import LossOptions, Targets, detection_loss
from medmnist_det.reference.model import SIZES, Detector
from medmnist_det.reference.recipe import Recipe
from tests.annotators.crowds import crowd

CLASSES, RATERS = 4, 3
MISS = CLASSES
NEAR, FAR = (10, 10, 50, 50), (200, 200, 240, 260)


@pytest.fixture
def step():
    """Return a step on two images: two objects in the first one, one in the second, and padding."""
    torch.manual_seed(3)
    anchors = torch.tensor([[[8, 8], [12, 16], [20, 20]], [[30, 30], [40, 40], [60, 60]]]).float()
    model = Detector(SIZES["n"], anchors, CLASSES, refine=False)
    images = torch.randint(256, (2, 1, 64, 64), dtype=torch.uint8)
    box = torch.tensor([[[4, 4, 12, 14], [20, 30, 62, 64]], [[10, 6, 21, 19], [0, 0, 0, 0]]])
    reports = [[[0, 1, MISS], [2, 2, 3]], [[1, NOT_ASSIGNED, 1], [0, 0, 0]]]
    targets = Targets(
        box.float(),
        torch.full((2, 2, CLASSES), 1 / CLASSES),
        torch.tensor([[1.0, 1.0], [1.0, 0.0]]),
        torch.tensor(reports, dtype=torch.float32),
    )
    features = model.features(images)
    return Step(model, images, features, model.read(features), targets)


OBJECTS = torch.tensor([0, 0, 1]), torch.tensor([0, 1, 0])


def test_a_trial_step_is_one_of_gradient_descent_on_the_class_rows_of_the_heads(step):
    """Step the heads of a copy by autograd, and read what they then say of the same cells."""
    # scale, anchor, y, x of the cells of the centres, worked out by hand
    cells = [(0, 0, 1, 1), (1, 1, 2, 2), (0, 1, 1, 1)]
    names, drew = names_of(step.targets.reports[OBJECTS], CLASSES)
    features = [one.detach() for one in step.features]

    def said(heads):
        maps = [
            functional.conv2d(x, *head).view(2, 3, 5 + CLASSES, *x.shape[2:])
            for x, head in zip(features, heads, strict=True)
        ]
        images = OBJECTS[0].tolist()
        return torch.stack(
            [maps[s][i, a, 5:, y, x] for i, (s, a, y, x) in zip(images, cells, strict=True)]
        )

    heads = [(head.weight, head.bias) for head in step.model.heads]
    literal = []
    for rater in range(RATERS):
        mine = drew[:, rater]
        loss = functional.cross_entropy(said(heads)[mine], names[mine, rater])
        flat = [one for head in heads for one in head]
        slopes = torch.autograd.grad(loss, flat)
        stepped = [one - 0.2 * slope for one, slope in zip(flat, slopes, strict=True)]
        literal.append(said([(stepped[0], stepped[1]), (stepped[2], stepped[3])]))
    found = tried(look(step, *OBJECTS), names, drew)
    torch.testing.assert_close(found, torch.stack(literal, dim=1), rtol=1e-4, atol=1e-5)


def test_gradients_through_the_trial_step_are_those_of_finite_differences():
    random = torch.manual_seed(1)
    names, drew = names_of(torch.tensor([[0, 1, MISS], [2, 2, 3], [1, -1, 1]]).double(), CLASSES)
    layer = Weighing(RATERS, CLASSES).double()
    with torch.no_grad():
        layer.weigh.weight.normal_(generator=random)

    def fused(features, logits, weight):
        label = torch.func.functional_call(
            _Fusing(layer),
            {"layer.weigh.weight": weight},
            (Sights(features, torch.tensor([0, 1, 0]), logits), names, drew),
        )
        return label.square().sum()

    inputs = [
        torch.randn(3, 5, generator=random, dtype=torch.float64, requires_grad=True),
        torch.randn(3, CLASSES, generator=random, dtype=torch.float64, requires_grad=True),
        layer.weigh.weight.detach().clone().requires_grad_(),
    ]
    assert torch.autograd.gradcheck(fused, inputs)


class _Fusing(torch.nn.Module):
    def __init__(self, layer):
        super().__init__()
        self.layer = layer

    def forward(self, *words):
        return self.layer.fused(*words)


def test_it_begins_with_majority_vote(step):
    found = Weighing(RATERS, CLASSES).begin(step)
    half, most, all_ = found.classes[0, 0], found.classes[0, 1], found.classes[1, 0]
    torch.testing.assert_close(half, torch.tensor([0.5, 0.5, 0, 0]))
    torch.testing.assert_close(most, torch.tensor([0, 0, 1.0, 0]), atol=1e-3, rtol=0)
    torch.testing.assert_close(all_, torch.tensor([0, 1.0, 0, 0]))


def test_padding_boxes_and_weights_stay(step):
    found = Weighing(RATERS, CLASSES).begin(step)
    assert torch.equal(found.classes[1, 1], step.targets.classes[1, 1])
    assert torch.equal(found.box, step.targets.box)
    assert torch.equal(found.weight, step.targets.weight)


def test_a_batch_without_an_object_is_left_as_it_is(step):
    none = step.targets._replace(weight=torch.zeros(2, 2))
    assert Weighing(RATERS, CLASSES).begin(step._replace(targets=none)) is none


def test_the_loss_teaches_the_weights_and_the_detector(step):
    layer = Weighing(RATERS, CLASSES)
    losses = detection_loss(step.outputs, layer.begin(step), step.model, LossOptions(), layer)
    losses.total.backward()
    assert layer.weigh.bias.grad.abs().max() > 0
    assert all(head.weight.grad.abs().max() > 0 for head in step.model.heads)


def test_who_did_not_draw_has_no_vote():
    _, drew = names_of(torch.tensor([[0.0, MISS, NOT_ASSIGNED], [1.0, 2.0, MISS]]), CLASSES)
    weight = Weighing(RATERS, CLASSES).weights(torch.zeros(2, RATERS, CLASSES), drew)
    assert weight.tolist() == [[1, 0, 0], [0.5, 0.5, 0]]


def test_a_class_of_more_than_half_is_near_one_and_without_any_votes_stay_as_they_are():
    label = torch.tensor([[0.6, 0.4, 0, 0], [0.2, 0.2, 0.2, 0.4], [0.5, 0.5, 0, 0]])
    found = sharpened(label)
    torch.testing.assert_close(found.sum(dim=1), torch.ones(3))
    assert found[0, 0] > 0.99
    torch.testing.assert_close(found[1], label[1], atol=0.01, rtol=0)
    torch.testing.assert_close(found[2], label[2])


def by_chance(true, random):
    return [(true + random.integers(1, 6, len(true))) % 6 for _ in range(4)]


def by_permutation(true, random):
    """Mix names up in the same way four times of five, each rater in a way of his own."""
    return [
        np.where(random.random(len(true)) < 0.8, (true + k) % 6, random.integers(0, 6, len(true)))
        for k in range(1, 5)
    ]


@pytest.mark.parametrize("seed", [0, 1])
@pytest.mark.parametrize("adversaries", [by_chance, by_permutation])
def test_of_one_perfect_and_four_adversarial_raters_the_perfect_one_has_the_weight(
    adversaries, seed
):
    random = np.random.default_rng(seed)
    true = random.integers(0, 6, 600)
    points = torch.from_numpy(3 * np.eye(6)[true] + random.normal(size=(600, 6))).float()
    told = np.stack([true, *adversaries(true, random)], axis=1)
    names, drew = names_of(torch.from_numpy(told).float(), 6)
    head, layer = torch.nn.Linear(6, 6), Weighing(5, 6)
    for one in head.parameters():
        torch.nn.init.zeros_(one)
    optimiser = torch.optim.Adam([{"params": head.parameters()}, {"params": layer.parameters()}])
    for step in range(1, 401):
        for group, pace in zip(optimiser.param_groups, (1, layer.lr), strict=True):
            group["lr"] = 0.01 * pace * one_cycle(step / 400)
        rows = torch.from_numpy(random.integers(0, 600, 60))
        logits = head(points[rows])
        sights = Sights(points[rows], torch.zeros(60, dtype=torch.long), logits)
        optimiser.zero_grad()
        label = layer.fused(sights, names[rows], drew[rows])
        functional.cross_entropy(logits, label, label_smoothing=0.1).backward()
        optimiser.step()
    with torch.no_grad():
        sights = Sights(points, torch.zeros(600, dtype=torch.long), head(points))
        weight = layer.weights(tried(sights, names, drew), drew)
        label = layer.fused(sights, names, drew)
    assert weight[:, 0].mean() > 0.9
    assert (label.argmax(dim=1).numpy() == true).mean() > 0.99
    assert layer.by_class()[0].mean() > 0.9


def test_the_lessons_are_those_of_objects_and_of_a_vote_in_which_all_are_alike():
    class Folder:
        def crowd(self, _split):
            return crowd([(0, 0, 2, NEAR), (0, 1, 1, NEAR), (0, 2, 1, NEAR), (0, 1, 0, FAR)])

    teacher = Vote(Recipe(method="vote"))
    lessons = teacher.lessons(Folder(), "train")
    assert lessons.reports[0].tolist() == [2, 1, 1]
    assert lessons.label_set.labels.label[0] == 1
    torch.testing.assert_close(teacher.criterion(lessons).by_class(), torch.full((3, 3), 1 / 3))
