"""What was published: Table 1 of the paper, on data of its own."""

from __future__ import annotations

from dataclasses import dataclass

#: Where :data:`TABLE_1` is from, and what it is not.
SOURCE = (
    "paper: Le et al., IEEE Access 2023, Table 1: MED-MNIST, three annotators, p = .8; YOLOv5-S at "
    "640 px, 50 epochs, one run each, on data of their own, which were not published: other "
    "images, other crowds, another detector. If at all, the gains are to be compared."
)


@dataclass(frozen=True, kw_only=True)
class Published:
    """A row of the paper's table; scores by our names of the metrics."""

    #: As the paper calls it.
    name: str
    #: As we call it.
    method: str
    scores: dict[str, float]


#: Both rows on MED-MNIST.
TABLE_1 = (
    Published(name="baseline", method="baseline", scores={"mAP@0.4": 0.975, "mAP@[.5:.95]": 0.815}),
    Published(name="WBF+EARL", method="earl", scores={"mAP@0.4": 0.980, "mAP@[.5:.95]": 0.849}),
)

#: The preset that follows the paper's text.
PRESET = "paper"
