"""The refinement against loops that say the same one edge at a time."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from medmnist_det.reference import loss, refine
from medmnist_det.reference.loss import Targets, refinement_loss
from medmnist_det.reference.model import SIZES, Detector, located
from medmnist_det.reference.refine import PLACES, Refiner, edges, place_loss, regions, scatter, seen

SIDE = 64


def boxes(seed, number=6, side=SIDE):
    torch.manual_seed(seed)
    low = torch.rand(number, 2) * (side - 14)
    return torch.cat([low, low + 6 + torch.rand(number, 2) * 8], dim=1)


def place(k, low, high):
    """Return where the k-th place of an edge is."""
    return low + (k + 0.5) / PLACES * (high - low)


def test_a_region_is_its_box_and_a_quarter_of_its_sides_around():
    found = regions(torch.tensor([[10.0, 20, 30, 60], [5, 5, 5, 5]]))
    torch.testing.assert_close(found[0], torch.tensor([5.0, 10, 35, 70]))
    assert (found[1, 2:] > found[1, :2]).all()  # a box without a size has a region all the same


def test_a_region_shows_its_pixels_and_black_beyond_the_image():
    images = torch.randint(0, 256, (2, 1, 160, 160), dtype=torch.uint8)
    inside = torch.tensor([[7.0, 11.0, 7 + PLACES, 11 + PLACES]])
    found = seen(images, torch.tensor([1]), inside)
    torch.testing.assert_close(found[0], images[1, :, 11 : 11 + PLACES, 7 : 7 + PLACES] / 256)
    found = seen(images, torch.tensor([0]), inside - 20)
    assert (found[0, 0, :8] == 0).all()
    assert (found[0, 0, :, :12] == 0).all()
    torch.testing.assert_close(
        found[0, 0, 9:, 13:], images[0, 0, : PLACES - 9, : PLACES - 13] / 256
    )


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10_000))
def test_edges_and_their_loss_are_what_loops_over_places_give(seed):
    region, lesson = boxes(seed), boxes(seed + 1)
    # Edges outside their region are taught at its end.
    lesson[:4] = region[:4] + torch.rand(4, 4) * 3 - 1
    logits = torch.randn(6, 4, PLACES) * 3
    found, each = edges(logits, region), place_loss(logits, region, lesson)
    for n in range(6):
        total = 0.0
        for e in range(4):
            low, high = float(region[n, e % 2]), float(region[n, e % 2 + 2])
            share = [math.exp(x) for x in logits[n, e].tolist()]
            sharp = [x**4 for x in share]
            mean = sum(place(k, low, high) * x for k, x in enumerate(sharp)) / sum(sharp)
            assert float(found[n, e]) == pytest.approx(mean, rel=1e-4)
            at = (float(lesson[n, e]) - low) / (high - low) * PLACES - 0.5
            at = min(max(at, 0.0), PLACES - 1.0)
            for k in range(PLACES):
                near = max(1 - abs(at - k), 0.0)
                total -= near * math.log(share[k] / sum(share))
        assert float(each[n]) == pytest.approx(total / 4, rel=1e-3, abs=1e-4)


def test_the_gradient_of_the_loss_is_that_of_finite_differences():
    region, lesson = boxes(3, 2).double(), (boxes(3, 2) + 1.3).double()
    logits = torch.randn(2, 4, PLACES, dtype=torch.float64, requires_grad=True)
    torch.autograd.gradcheck(lambda x: place_loss(x, region, lesson), (logits,))


def test_where_raters_draw_an_edge_most_often_is_where_it_is():
    # They err farther outwards than inwards: the mean of what they draw is not the edge.
    region = torch.tensor([[0.0, 0, PLACES, PLACES]])
    often = torch.full((PLACES,), 1e-9)
    often[40:44] = torch.tensor([0.7, 0.15, 0.1, 0.05])
    found = edges(often.log().expand(1, 4, PLACES), region)
    mean = float((often * (torch.arange(PLACES) + 0.5)).sum())
    assert mean == pytest.approx(41.0, abs=1e-3)
    assert float(found[0, 0]) == pytest.approx(40.5, abs=0.01)


def test_the_scatter_of_edges_is_their_deviation_in_sides_of_the_box():
    logits = torch.full((1, 4, PLACES), -99.0)
    logits[0, :3, 7] = 0.0  # three edges are sure
    logits[0, 3, [20, 84]] = 0.0  # one is here or there
    # Half of 64 places, of which the region has PLACES and a side and a half.
    expected = torch.tensor([[0.0, 0.0, 0.0, 32 / PLACES * 1.5]])
    torch.testing.assert_close(scatter(logits), expected, atol=1e-4, rtol=1e-4)


def test_each_box_is_looked_at_alone_and_in_its_own_image():
    torch.manual_seed(0)
    net, images = Refiner(8).eval(), torch.randint(0, 256, (3, 1, 64, 64), dtype=torch.uint8)
    region, image = regions(boxes(0)), torch.tensor([0, 2, 1, 0, 0, 2])
    together = net(seen(images, image, region))
    assert together.shape == (6, 4, PLACES)
    for k in range(6):
        alone = net(seen(images[image[k] :][:1], torch.tensor([0]), region[k : k + 1]))
        torch.testing.assert_close(alone[0], together[k])


def test_what_moves_sideways_moves_the_left_and_the_right_edge():
    torch.manual_seed(0)
    net, pixels = Refiner(8), torch.zeros(1, 1, PLACES, PLACES)
    pixels[..., 40:60, 60:64] = 1.0
    moved = net(pixels.roll(2 * refine._FOLD, dims=3)) - net(pixels)
    sideways, upright = (moved[0, ends].abs().max() for ends in ([0, 2], [1, 3]))
    assert sideways > 10 * upright  # what is left is the border's


def test_rows_and_columns_are_read_alike():
    # A picture turned over its diagonal has x and y exchanged, if the features are.
    torch.manual_seed(0)
    net, pixels = Refiner(8), torch.rand(2, 1, PLACES, PLACES)
    for layer in net.body:
        kernel = layer[0].weight.data
        kernel.copy_((kernel + kernel.transpose(2, 3)) / 2)
    first = net.body[0][0].weight.data
    folded = first.unflatten(1, (refine._FOLD, refine._FOLD))
    first.copy_(((folded + folded.transpose(1, 2)) / 2).flatten(1, 2))
    turned = net(pixels.transpose(2, 3))[:, [1, 0, 3, 2]]
    torch.testing.assert_close(turned, net(pixels), rtol=1e-4, atol=1e-5)


# The loss of a batch.


def model():
    torch.manual_seed(1)
    anchors = torch.tensor([[[6.0, 8], [10, 14], [16, 20]], [[24.0, 28], [32, 40], [48, 64]]])
    return Detector(SIZES["n"], anchors, 3)


def batch(seed, number=3):
    torch.manual_seed(seed)
    images = torch.randint(0, 256, (2, 1, SIDE, SIDE), dtype=torch.uint8)
    raws = [
        torch.randn(2, 3, SIDE // stride, SIDE // stride, 8).requires_grad_() for stride in (8, 16)
    ]
    box = torch.stack([boxes(seed + k, number) for k in range(2)])
    weight = torch.rand(2, number) + 0.5
    weight[1, 0] = 0.0
    return (
        raws,
        images,
        Targets(box, torch.rand(2, number, 3).softmax(-1), weight, torch.zeros(2, number, 0)),
    )


def taught(net, raws, images, targets, seed=0):
    random = torch.Generator().manual_seed(seed)
    return refinement_loss(raws, images, targets, net, net.refiner, "float32", random)


def overlap(a, b):
    sides = [max(0.0, min(a[k + 2], b[k + 2]) - max(a[k], b[k])) for k in range(2)]
    area = sum((c[2] - c[0]) * (c[3] - c[1]) for c in (a, b))
    return sides[0] * sides[1] / (area - sides[0] * sides[1])


@pytest.mark.parametrize("seed", range(5))
def test_every_lesson_is_learned_where_the_detector_itself_sees_it(seed, monkeypatch):
    monkeypatch.setattr(loss, "_NUDGE", 0.0)
    monkeypatch.setattr(loss, "_REFINED", 4)
    net, (raws, images, targets) = model(), batch(seed)
    every, sure = (part.detach() for part in located(raws, net))
    # Lessons near boxes of the detector, and one where it sees nothing.
    near = every.gather(1, sure.topk(40).indices[:, ::20, None].expand(-1, -1, 4)).clamp(0, SIDE)
    targets.box[:, :2] = near + torch.rand(2, 2, 4)
    targets.box[:, 2] = torch.tensor([0.0, 0, 1, 64])
    total, count = 0.0, 0
    for image in range(2):
        own = [[min(max(x, 0.0), SIDE) for x in one] for one in every[image].tolist()]
        for lesson, weight in zip(targets.box[image], targets.weight[image], strict=True):
            if weight == 0:
                continue
            ious = [overlap(one, lesson.tolist()) for one in own]
            best = max(range(len(own)), key=lambda k: ious[k] * float(sure[image, k]))
            if ious[best] <= 0.4:
                continue
            region = regions(torch.tensor([own[best]]))
            logits = net.refiner(seen(images, torch.tensor([image]), region))
            total += float(weight * place_loss(logits, region, lesson[None]).detach())
            count += 1
    found = float(taught(net, raws, images, targets).detach())
    assert 1 < count < 5
    assert found == pytest.approx(total / count, rel=1e-4)


@pytest.mark.parametrize("part", ["body.0.0.weight", "body.3.0.bias", "line.2.weight", "prior"])
def test_its_gradient_is_that_of_finite_differences(part):
    net, (raws, images, targets) = model(), batch(2, number=1)
    targets = targets._replace(weight=torch.tensor([[2.0], [1.0]]))
    weight = net.refiner.get_parameter(part)
    taught(net, raws, images, targets).backward()
    # In float32: up where it is steepest, far enough to be told from rounding.
    steep, before = weight.grad / weight.grad.norm(), weight.detach().clone()
    sides = []
    for far in (0.01, -0.01):
        weight.data.copy_(before + far * steep)
        sides.append(float(taught(net, raws, images, targets).detach()))
    assert (sides[0] - sides[1]) / 0.02 == pytest.approx(float(weight.grad.norm()), rel=0.02)


def test_weights_scale_it_and_copies_of_a_lesson_do_not(monkeypatch):
    monkeypatch.setattr(loss, "_NUDGE", 0.0)
    net, (raws, images, targets) = model(), batch(2, number=1)
    targets = targets._replace(weight=torch.tensor([[2.0], [1.0]]))
    once = taught(net, raws, images, targets)
    assert once > 0
    twice = targets._replace(weight=targets.weight * 2)
    torch.testing.assert_close(taught(net, raws, images, twice), 2 * once)
    # The baseline teaches every rater's box of an object.
    thrice = Targets(*(torch.cat([column] * 3, dim=1) for column in targets))
    torch.testing.assert_close(taught(net, raws, images, thrice), once)


def test_regions_are_moved_a_little_as_the_random_numbers_of_the_step_say(monkeypatch):
    net, (raws, images, targets) = model(), batch(2, number=1)
    targets = targets._replace(weight=torch.ones(2, 1))
    first, again, other = (taught(net, raws, images, targets, seed) for seed in (0, 0, 1))
    assert first == again
    assert first != other
    boxes_of = loss._nudged(torch.tensor([[0.0, 0, 100, 10]] * 4000), torch.Generator())
    torch.testing.assert_close(
        boxes_of.std(dim=0), torch.tensor([3.0, 0.3, 3.0, 0.3]), rtol=0.1, atol=0
    )
    monkeypatch.setattr(loss, "_NUDGE", 0.0)
    assert taught(net, raws, images, targets, 0) == taught(net, raws, images, targets, 1)


def test_nothing_flows_back_into_the_detector():
    net, (raws, images, targets) = model(), batch(0)
    taught(net, raws, images, targets).backward()
    assert all(raw.grad is None for raw in raws)
    for name, weight in net.named_parameters():
        assert (weight.grad is not None) == name.startswith("refiner.")


def test_padding_and_images_without_a_box_teach_nothing():
    net, (raws, images, targets) = model(), batch(0)
    nothing = targets._replace(weight=torch.zeros(2, 3))
    found = taught(net, raws, images, nothing)
    found.backward()  # so that processes that train together all have gradients
    assert found == 0
    assert all((weight.grad == 0).all() for weight in net.refiner.parameters())


def test_all_lessons_of_an_image_have_the_same_chance():
    targets = Targets(
        torch.arange(10.0)[None, :, None].expand(1, 10, 4),
        torch.zeros(1, 10, 1),
        torch.ones(1, 10),
        torch.zeros(1, 10, 0),
    )
    targets.weight[0, 3] = 0
    random, seen_of = torch.Generator().manual_seed(0), torch.zeros(10)
    for _ in range(2000):
        box, weight = loss._drawn(targets, random)
        assert (weight == 1).all()
        seen_of[box[0, :, 0].long()] += 1
    assert seen_of[3] == 0
    others = seen_of[seen_of > 0]
    assert len(others) == 9
    assert others.min() > 0.9 * others.max()
