import pytest
import torch
from torchvision import tv_tensors
from torchvision.models.detection import fasterrcnn_mobilenet_v3_large_320_fpn
from torchvision.transforms import v2

from medmnist_det.dataset import FIRST_LABEL, MedMnistDetection
from medmnist_det.errors import InputError
from medmnist_det.formats.png import read_grey


def test_items_are_images_with_their_labels(small):
    data = MedMnistDetection(small.path, "train")
    table = small.truth("train")
    assert len(data) == 60
    assert data.classes == tuple("0123456789")
    for index in range(len(data)):
        image, target = data[index]
        mine = table.labels.select(table.labels.image == index)
        assert image.shape == (3, 96, 96)
        grey = torch.from_numpy(read_grey(small.images("train") / f"{index + 1:06d}.png").copy())
        assert torch.equal((image[0] * 255).round().to(torch.uint8), grey)
        assert target["boxes"].shape == (len(mine), 4)
        assert target["boxes"].tolist() == mine.box.tolist()
        assert target["labels"].tolist() == (mine.label + 1).tolist()
        assert target["image_id"] == index + 1
    assert torch.equal(data[-1][0], data[59][0])
    with pytest.raises(IndexError):
        data[60]


def test_torchvision_s_detectors_train_on_it_as_it_is_empty_images_included(small):
    data = MedMnistDetection(small.path, "train")
    empty = next(k for k in range(60) if not len(data[k][1]["boxes"]))
    full = next(k for k in range(60) if len(data[k][1]["boxes"]))
    torch.manual_seed(0)
    model = fasterrcnn_mobilenet_v3_large_320_fpn(
        weights=None, weights_backbone=None, num_classes=11
    )
    images, targets = zip(data[empty], data[full], strict=True)
    losses = model(list(images), list(targets))
    assert all(torch.isfinite(loss) for loss in losses.values())


def test_crowd_labels_say_who_drew_them(small):
    _, target = MedMnistDetection(small.path, "train", labels="crowd")[1]
    assert target["raters"].shape == target["labels"].shape


def test_a_rater_s_dataset_holds_the_images_that_the_rater_looked_at_and_no_others(small):
    crowd = small.crowd("train")
    assigned = crowd.labels.assigned
    mine = assigned[assigned[:, 1] == 2, 0].tolist()
    one = MedMnistDetection(small.path, "train", labels="rater:3")
    assert 0 < len(one) == len(mine) < 60
    assert f"{len(mine)} images of 60, those that the rater looked at" in repr(one)
    truth = MedMnistDetection(small.path, "train")
    assert "of 60" not in repr(truth)
    for index, row in enumerate(mine):
        image, target = one[index]
        assert target["image_id"] == row + 1
        assert torch.equal(image, truth[row][0])
        assert set(target["raters"].tolist()) <= {3}
        drawn = ((crowd.labels.image == row) & (crowd.labels.rater == 2)).sum()
        assert len(target["boxes"]) == drawn


def test_labels_count_from_the_first_label(small):
    data = MedMnistDetection(small.path, "train")
    table = small.truth("train").labels
    index = int(table.image[0])
    assert data[index][1]["labels"][0] == table.label[0] + FIRST_LABEL
    name = data.classes[int(data[index][1]["labels"][0]) - FIRST_LABEL]
    assert name == small.truth("train").classes.names[table.label[0]]


def test_transforms_move_boxes_and_images_together(small):
    flip = v2.RandomHorizontalFlip(p=1)
    plain = MedMnistDetection(small.path, "train")
    flipped = MedMnistDetection(small.path, "train", transforms=flip)
    index = next(k for k in range(60) if len(plain[k][1]["boxes"]))
    (image, target), (image_2, target_2) = plain[index], flipped[index]
    assert isinstance(image_2, tv_tensors.Image)
    assert torch.equal(image.flip(-1), image_2)
    assert torch.equal(target_2["boxes"][:, 0], 96 - target["boxes"][:, 2])


def test_labels_that_are_not_there_are_refused(small):
    with pytest.raises(InputError, match="no such labels"):
        MedMnistDetection(small.path, "train", labels="fused:wbf")
    with pytest.raises(InputError, match="has no crowd labels"):
        MedMnistDetection(small.path, "test", labels="crowd")
