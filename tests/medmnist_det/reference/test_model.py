import pytest
import torch

from medmnist_det.reference.model import SIZES, Detector, box_of, cells, decode


def detector(size="n", classes=10):
    scales = len(SIZES[size].widths)
    anchors = torch.arange(1.0, 1 + scales * 6).view(scales, 3, 2) * 5
    torch.manual_seed(0)
    return Detector(SIZES[size], anchors, classes)


@pytest.mark.parametrize(("size", "low", "high"), [("n", 0.2, 1.0), ("s", 6.0, 8.0)])
def test_the_sizes_are_what_they_are_sold_as(size, low, high):
    millions = sum(weight.numel() for weight in detector(size).parameters()) / 1e6
    assert low < millions < high


@pytest.mark.parametrize("size", SIZES)
def test_one_output_a_scale_with_a_row_for_every_anchor_of_every_cell(size):
    model = detector(size, classes=3)
    outputs = model(torch.randint(256, (2, 1, 64, 96), dtype=torch.uint8))
    shapes = [tuple(one.shape) for one in outputs]
    assert shapes == [(2, 3, 64 // stride, 96 // stride, 8) for stride in model.size.strides]
    boxes, objectness, classes = decode(outputs, model)
    assert boxes.shape == (*objectness.shape, 4)
    assert classes.shape == (*objectness.shape, 3)
    torch.testing.assert_close(classes.sum(dim=-1), torch.ones_like(objectness))


def test_outputs_of_zero_are_the_anchor_in_the_middle_of_its_cell():
    found = box_of(torch.zeros(4), torch.tensor([2.0, 5.0]), torch.tensor([10.0, 30.0]), 8)
    assert found.tolist() == [20 - 5, 44 - 15, 20 + 5, 44 + 15]


def test_no_output_overflows_and_centres_stay_within_half_a_cell_of_their_own():
    raw = torch.tensor([-1e4, -3.0, 0.0, 3.0, 1e4])
    grid = torch.cartesian_prod(raw, raw, raw, raw)
    found = box_of(grid, torch.tensor([4.0, 4.0]), torch.tensor([10.0, 10.0]), 16)
    centre = (found[:, :2] + found[:, 2:]) / 2 / 16
    assert centre.min() >= 3.5
    assert centre.max() <= 5.5
    assert (found[:, 2:] - found[:, :2]).max() <= 40 + 1e-4
    assert torch.isfinite(found).all()


def test_a_moved_image_gives_moved_boxes():
    model = detector().eval()
    image = torch.zeros(1, 1, 192, 192, dtype=torch.uint8)
    image[..., 64:96, 64:96] = torch.randint(256, (32, 32))
    moved = image.roll((32, 16), dims=(2, 3))
    with torch.inference_mode():
        (fine, _), (there, _) = model(image), model(moved)
    torch.testing.assert_close(
        fine[:, :, 6:14, 6:14], there[:, :, 10:18, 8:16], rtol=1e-3, atol=1e-4
    )


def test_cells_are_x_then_y():
    assert cells(2, 3, torch.device("cpu"))[1, 2].tolist() == [2.0, 1.0]
