"""The loss against loops that say the same one pair at a time."""

import math
from dataclasses import replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional

from medmnist_det.reference.loss import LossOptions, Targets, detection_loss
from medmnist_det.reference.model import SIZES, Detector, box_of

CLASSES = 4


def model():
    anchors = torch.tensor([[[6.0, 8], [10, 14], [16, 20]], [[24.0, 28], [32, 40], [48, 64]]])
    return Detector(SIZES["n"], anchors, CLASSES)


def outputs(seed, side=64, batch=2, scale=1.0):
    torch.manual_seed(seed)
    return [
        (
            torch.randn(batch, 3, side // stride, side // stride, 5 + CLASSES) * scale
        ).requires_grad_()
        for stride in (8, 16)
    ]


def targets(seed, batch=2, boxes=5, side=64):
    torch.manual_seed(seed)
    low = torch.rand(batch, boxes, 2) * (side - 10)
    box = torch.cat([low, low + 4 + torch.rand(batch, boxes, 2) * (side - low - 4)], dim=-1)
    weight = torch.rand(batch, boxes) * 3 * (torch.rand(batch, boxes) < 0.7)
    classes = torch.rand(batch, boxes, CLASSES).softmax(dim=-1)
    return Targets(box, classes, weight, torch.zeros(batch, boxes, 0))


def giou(a, b):
    common = max(0, min(a[2], b[2]) - max(a[0], b[0])) * max(0, min(a[3], b[3]) - max(a[1], b[1]))
    union = sum((c[2] - c[0]) * (c[3] - c[1]) for c in (a, b)) - common
    hull = (max(a[2], b[2]) - min(a[0], b[0])) * (max(a[3], b[3]) - min(a[1], b[1]))
    return common / union - (hull - union) / hull, common / union


def apart(side, anchor):
    return max(max(r, 1 / r) for r in (side / anchor).tolist())


def by_loops(raws, taught, net, options):
    """Return box, objectness and classes, one pair of box and cell after the other."""
    box = classes = objectness = 0.0
    count = 0
    for raw, anchors, stride in zip(raws, net.anchors, net.size.strides, strict=True):
        raw = raw.detach()
        height, width = raw.shape[2:4]
        goal = torch.zeros(raw.shape[:4])
        for image in range(len(raw)):
            for true, share, weight in zip(*(column[image] for column in taught[:3]), strict=True):
                side = true[2:] - true[:2]
                centre = (true[:2] + true[2:]) / 2 / stride
                x, y = (math.floor(c) for c in centre.tolist())
                beside = x - 1 if centre[0] - x < 0.5 else x + 1
                above = y - 1 if centre[1] - y < 0.5 else y + 1
                nearest = min(apart(side, one) for one in net.anchors.flatten(0, 1))
                for anchor in range(3):
                    far = apart(side, anchors[anchor])
                    fits = far < options.match or far == nearest
                    for i, j in ((x, y), (beside, y), (x, above)):
                        if not (weight > 0 and fits and 0 <= i < width and 0 <= j < height):
                            continue
                        row = raw[image, anchor, j, i]
                        cell = torch.tensor([float(i), float(j)])
                        found = box_of(row[:4], cell, anchors[anchor], stride)
                        general, iou = giou(found.tolist(), true.tolist())
                        count += 1
                        box += float(weight) * (1 - general)
                        smooth = share * (1 - options.smoothing) + options.smoothing / CLASSES
                        classes += float(weight) * float(-(smooth * row[5:].log_softmax(0)).sum())
                        goal[image, anchor, j, i] = max(goal[image, anchor, j, i], iou)
        objectness += float(
            functional.binary_cross_entropy_with_logits(raw[..., 4], goal, reduction="sum")
        )
    count = max(count, 1)
    return (
        options.box * box / count,
        options.objectness * objectness / len(taught.weight),
        options.classes * classes / count,
    )


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000), st.sampled_from([1.2, 2.0, 4.0]))
def test_it_is_what_loops_over_boxes_anchors_and_cells_give(seed, match):
    net, options = model(), LossOptions(match=match)
    raws, taught = outputs(seed), targets(seed)
    found = detection_loss(raws, taught, net, options)
    expected = by_loops(raws, taught, net, options)
    got = [
        float(found.box.detach()),
        float(found.objectness.detach()),
        float(found.classes.detach()),
    ]
    assert got == pytest.approx(expected, rel=1e-4)
    assert float(found.total.detach()) == pytest.approx(sum(got), rel=1e-5)


def test_a_method_with_more_boxes_for_an_object_has_the_same_terms():
    # The baseline teaches every rater's box of an object, which may be three copies of one.
    net, raws, once = model(), outputs(1), targets(1)
    thrice = Targets(*(torch.cat([column] * 3, dim=1) for column in once))
    torch.testing.assert_close(
        detection_loss(raws, thrice, net, LossOptions()),
        detection_loss(raws, once, net, LossOptions()),
    )


def test_objectness_is_a_mean_over_images_whatever_is_in_them():
    net, raws, taught = model(), outputs(1), targets(1)
    alone = [
        detection_loss(
            [raw[k : k + 1] for raw in raws],
            Targets(*(column[k : k + 1] for column in taught)),
            net,
            LossOptions(),
        ).objectness
        for k in range(2)
    ]
    together = detection_loss(raws, taught, net, LossOptions()).objectness
    torch.testing.assert_close(together, (alone[0] + alone[1]) / 2)


def test_weights_scale_the_class_and_box_terms_and_leave_objectness_alone():
    net, raws, taught = model(), outputs(1), targets(1)
    once = detection_loss(raws, taught, net, LossOptions())
    twice = detection_loss(raws, taught._replace(weight=taught.weight * 2), net, LossOptions())
    torch.testing.assert_close(twice.box, once.box * 2)
    torch.testing.assert_close(twice.classes, once.classes * 2)
    torch.testing.assert_close(twice.objectness, once.objectness)


def test_weights_count_in_objectness_where_that_is_asked_for():
    net, raws, taught = model(), outputs(1), targets(1)
    even = taught._replace(weight=(taught.weight > 0).float())
    plain = detection_loss(raws, even, net, LossOptions())
    asked = LossOptions(weigh_objectness=True)
    torch.testing.assert_close(detection_loss(raws, even, net, asked), plain)
    tripled = even._replace(weight=even.weight * 3)
    assert detection_loss(raws, tripled, net, asked).objectness > plain.objectness
    halved = even._replace(weight=even.weight / 2)
    assert detection_loss(raws, halved, net, asked).objectness < plain.objectness


def test_padding_changes_nothing():
    net, raws, taught = model(), outputs(2), targets(2)
    room = [torch.zeros(2, 7, *column.shape[2:]) for column in taught]
    padded = Targets(*(torch.cat(pair, dim=1) for pair in zip(taught, room, strict=True)))
    torch.testing.assert_close(
        detection_loss(raws, padded, net, LossOptions()),
        detection_loss(raws, taught, net, LossOptions()),
    )


def test_a_batch_without_a_box_teaches_nothing_but_emptiness():
    net, raws = model(), outputs(3)
    nothing = Targets(*(torch.zeros(2, 1, *k) for k in ((4,), (CLASSES,), (), (0,))))
    found = detection_loss(raws, nothing, net, LossOptions())
    assert found.box == 0
    assert found.classes == 0
    found.total.backward()
    assert raws[0].grad[..., 5:].abs().sum() == 0
    assert raws[0].grad[..., 4].min() > 0


@pytest.mark.parametrize("scale", [1.0, 30.0, 1e4])
def test_gradients_are_finite_however_wild_the_outputs_and_odd_the_boxes(scale):
    net, raws, taught = model(), outputs(4, scale=scale), targets(4)
    odd = torch.tensor([[0.0, 0, 64, 64], [63.9, 63.9, 64, 64], [5, 5, 5, 9], [0, 0, 0.1, 60]])
    taught.box[:, :4] = odd
    taught = taught._replace(weight=torch.ones_like(taught.weight))
    detection_loss(raws, taught, net, replace(LossOptions(), match=1e3)).total.backward()
    assert all(torch.isfinite(raw.grad).all() for raw in raws)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(
    ("term", "column"),
    [("box", slice(4)), ("objectness", slice(4, 5)), ("classes", slice(5, None))],
)
def test_gradients_are_those_of_finite_differences(term, column, seed):
    net = model().double()
    taught = Targets(*(one.double() for one in targets(seed, side=32)))
    raws = [one.detach().double().requires_grad_() for one in outputs(seed, side=32)]

    def value(raws):
        return getattr(detection_loss(raws, taught, net, LossOptions()), term)

    value(raws).backward()
    gradients = [raw.grad.clone() for raw in raws]
    changes = [torch.zeros_like(raw) for raw in raws]
    for change in changes:
        change[..., column].normal_()
    up, down = (
        value([raw.detach() + far * one for raw, one in zip(raws, changes, strict=True)])
        for far in (1e-6, -1e-6)
    )
    expected = sum((one * by).sum() for one, by in zip(gradients, changes, strict=True))
    assert abs(expected) > 1e-5
    torch.testing.assert_close((up - down) / 2e-6, expected, rtol=1e-4, atol=0)
    # Nothing else is taught by it: the IoU that objectness should be is not to be changed for that.
    for gradient in gradients:
        gradient[..., column] = 0
        assert (gradient == 0).all()


def test_a_box_of_an_odd_shape_is_taught_to_the_nearest_anchor():
    net, raws = model(), outputs(5)
    thin = torch.zeros(2, 1, 4)
    thin[0, 0] = torch.tensor([30.0, 4.0, 33.0, 60.0])
    weight = torch.tensor([[1.0], [0.0]])
    taught = Targets(thin, torch.full((2, 1, CLASSES), 0.25), weight, torch.zeros(2, 1, 0))
    assert detection_loss(raws, taught, net, LossOptions()).box > 0
