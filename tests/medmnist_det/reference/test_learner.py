import numpy as np
import pytest

from medmnist_det.errors import InputError
from medmnist_det.labels import Labels
from medmnist_det.reference.learner import anchors_of
from medmnist_det.reference.model import SIZES


def test_anchors_are_quantiles_of_the_boxes_and_need_one():
    size = SIZES["n"]
    side = np.arange(1.0, 101.0)
    box = np.stack([side * 0, side * 0, side, 2 * side], axis=1)
    labels = Labels(images=1, image=np.zeros(100), box=box, label=np.zeros(100))
    found = anchors_of(labels, size).flatten(0, 1)
    assert found[:, 1].tolist() == (found[:, 0] * 2).tolist()
    taken = [(side[:, None] <= found[:, 0].numpy()).mean(axis=0)[k] for k in range(6)]
    assert taken == pytest.approx([(k + 0.5) / 6 for k in range(6)], abs=0.011)
    with pytest.raises(InputError, match="no box to learn from"):
        anchors_of(Labels.empty(3), size)
