"""MED-MNIST: object detection learned from several annotators who disagree, with known truth.

The front door, each resolved when it is first used:

- ``generate(out, ...)`` makes a data set, ``open(folder)`` opens one;
- ``Dataset(root, split, labels)`` holds its images and labels for torch;
- ``annotate(truth, ...)`` lets simulated annotators label any boxes;
- ``aggregate(crowd, method)`` fuses a crowd's labels, ``agreement(crowd)`` says how far it agrees;
- ``evaluate(truth, predictions)`` scores boxes;
- ``train(data, method)`` trains the bundled detector.

Below lies the benchmark itself: boxes, labels, digits, scenes, the folder on disk and the formats.
Who labels the scenes lives in ``annotators``, the scores in ``evaluation``.

>>> import medmnist_det
>>> box = {"image": [1], "label": ["cat"], "boxes": [[0, 0, 9, 9]]}
>>> medmnist_det.evaluate(box, box | {"score": [0.8]})["AP50"] > 0.999
True
"""

from typing import TYPE_CHECKING

from medmnist_det.faces import face

if TYPE_CHECKING:
    from medmnist_det.dataset import Dataset as Dataset
    from medmnist_det.front.aggregating import aggregate as aggregate
    from medmnist_det.front.agreeing import agreement as agreement
    from medmnist_det.front.annotating import annotate as annotate
    from medmnist_det.front.evaluating import evaluate as evaluate
    from medmnist_det.front.generating import generate as generate
    from medmnist_det.front.generating import open as open  # noqa: A004
    from medmnist_det.front.training import train as train

__version__ = "0.1.0"

__all__ = [
    "Dataset",
    "aggregate",
    "agreement",
    "annotate",
    "evaluate",
    "generate",
    "open",
    "train",
]

__getattr__, __dir__ = face(
    __name__,
    {
        "Dataset": "medmnist_det.dataset",
        "aggregate": "medmnist_det.front.aggregating",
        "agreement": "medmnist_det.front.agreeing",
        "annotate": "medmnist_det.front.annotating",
        "evaluate": "medmnist_det.front.evaluating",
        "generate": "medmnist_det.front.generating",
        "open": "medmnist_det.front.generating",
        "train": "medmnist_det.front.training",
    },
)
