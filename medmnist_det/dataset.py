"""The data set as a torchvision-style Dataset."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.utils import data as torch_data
from torchvision import tv_tensors

from medmnist_det.arguments import called_from_python
from medmnist_det.files import inside
from medmnist_det.folder import Folder
from medmnist_det.formats.png import read_grey
from medmnist_det.labels import Split

#: The number that a Dataset's targets give the first class: 0 is torchvision's background. The
#: label k of a target, or of a detector trained on targets, is class ``k - FIRST_LABEL``.
FIRST_LABEL = 1


class Dataset(torch_data.Dataset):
    """Images and labels of a split, usable as they are with torchvision's detection models.

    Item k is ``(image, target)``. ``image`` is a ``tv_tensors.Image`` of float32 in [0, 1], shape
    (3, H, W), grey levels repeated. ``target`` holds ``boxes`` (``tv_tensors.BoundingBoxes``, XYXY,
    float32, shape (n, 4)), ``labels`` (int64, (n,): class index + :data:`FIRST_LABEL`, so from 1,
    which are the category ids of the files and what :func:`medmnist_det.evaluate` takes),
    ``image_id``, ``area``, ``iscrowd``, ``scores`` (float32, (n,), ones for drawn boxes) and, for
    crowd labels, ``raters`` (int64, (n,): the annotators' ids). An empty image has n = 0.

    ``labels`` is ``"truth"``, ``"crowd"`` (all annotators' boxes), ``"rater:K"`` or
    ``"fused:METHOD"``, or a tier of the crowd: ``"best"``, ``"worst"`` or ``"random"``, of every
    image one rater's labels, or ``"best-rater"``, ``"worst-rater"`` or ``"random-rater"``. Best and
    worst are judged by the truth. With ``"rater:K"`` and tiers the Dataset holds the images that
    the rater looked at and no others: an image without a box is then one in which nothing was
    found. So item k need not be the split's image k; ``image_id`` says which it is. ``transforms``
    is called with image and target, as torchvision's v2 transforms are. A DataLoader makes batches
    with ``collate_fn=data.collate``.
    Raises ValueError for a folder without these labels.
    """

    @called_from_python(data="root")
    def __init__(
        self,
        root: str | Path = "med-mnist",
        split: Split = "train",
        labels: str = "truth",
        transforms: Callable[[Any, Any], tuple[Any, Any]] | None = None,
    ) -> None:
        folder = Folder.open(Path(root))
        self.label_set = folder.labels(split, labels)
        self.transforms = transforms
        self.image_folder = folder.images(split)
        self._what = f"{str(root)!r}, {split!r}, {labels!r}"
        self._all = folder.manifest["counts"][split]["images"]

    def __repr__(self) -> str:
        some = f" of {self._all:,}, those that the rater looked at" if len(self) < self._all else ""
        boxes = f"{len(self.label_set.labels):,} boxes"
        return f"{type(self).__name__}({self._what}): {len(self):,} images{some}, {boxes}"

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of the classes; label k of the targets is ``classes[k - FIRST_LABEL]``."""
        return self.label_set.classes.names

    @property
    def categories(self) -> dict[int, str]:
        """Names of the classes by the labels of the targets."""
        return dict(enumerate(self.classes, start=FIRST_LABEL))

    @staticmethod
    def collate(items: Sequence[tuple[Any, Any]]) -> tuple[tuple[Any, ...], tuple[Any, ...]]:
        """Return a batch as torchvision's detectors take it: its images, and its targets."""
        images, targets = zip(*items, strict=True)
        return images, targets

    def __len__(self) -> int:
        return len(self.label_set.images)

    def __getitem__(self, index: int) -> tuple[Any, Any]:
        if not -len(self) <= index < len(self):
            raise IndexError(f"image {index} of {len(self)}")
        index %= len(self)
        path = inside(self.image_folder, self.label_set.images.names[index])
        grey = torch.from_numpy(read_grey(path).copy())
        image = tv_tensors.Image(grey.to(torch.float32).div_(255).expand(3, -1, -1).contiguous())
        target = self._target(index, (grey.shape[0], grey.shape[1]))
        return (image, target) if self.transforms is None else self.transforms(image, target)

    def _target(self, index: int, size: tuple[int, int]) -> dict[str, Any]:
        labels = self.label_set.labels
        rows = slice(*labels.starts[index : index + 2].tolist())
        boxes = torch.from_numpy(labels.box[rows].astype(np.float32))
        target = {
            "boxes": tv_tensors.BoundingBoxes(boxes, format="XYXY", canvas_size=size),  # type: ignore[call-overload]
            "labels": torch.from_numpy(labels.label[rows] + FIRST_LABEL),
            "image_id": self.label_set.images.ids[index],
            "area": (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1]),
            "iscrowd": torch.zeros(len(boxes), dtype=torch.int64),
            "scores": torch.from_numpy(labels.confidence[rows].astype(np.float32)),
        }
        if labels.rater is not None and self.label_set.raters is not None:
            raters = [self.label_set.raters[k] for k in labels.rater[rows].tolist()]
            target["raters"] = torch.tensor(raters, dtype=torch.int64)
        return target


#: What the class was called before ``medmnist_det.Dataset``.
MedMnistDetection = Dataset
