"""Who annotates: the options of one simulated annotator."""

from __future__ import annotations

from dataclasses import MISSING, dataclass, fields
from typing import Any, Literal, get_args

from annotators.simulate.matrices import FAMILIES, Family
from medmnist_det.errors import InputError, shown

#: The family of matrices that no law draws: they are read from a file.
FITTED = "fitted"

#: The laws of the boxes: the paper's, its code's, and two of habits (:mod:`.box_noise`).
BoxNoise = Literal["iou", "gaussian", "biased", "sized"]
BOX_NOISES: tuple[BoxNoise, ...] = get_args(BoxNoise)

#: How a rater's boxes differ from others' in the mean, for ``box_noise="sized"``.
Habit = Literal["own", "none", "loose", "tight", "shifted"]
HABITS: tuple[Habit, ...] = get_args(Habit)


@dataclass(frozen=True, kw_only=True)
class AnnotatorOptions:
    """How one annotator is drawn. Raises InputError for values out of bounds."""

    #: The p of the paper, 0..1: of the matrix family and of the box noise.
    proficiency: float = 0.8
    #: The law of the class transition matrix (:mod:`annotators.simulate.matrices`), or ``fitted``.
    family: Family | Literal["fitted"] = "random"
    #: The law of the boxes (:mod:`annotators.simulate.box_noise`).
    box_noise: BoxNoise = "iou"
    #: Mean number of spurious boxes in an image, 0..10. Poisson.
    spurious: float = 0.0
    #: Share of the images that the annotator is assigned, above 0 to 1.
    coverage: float = 1.0
    #: How far errors gather on objects that are hard for all, 0..1: the correlation of two
    #: annotators' errors (:mod:`annotators.simulate.difficulty`). 0: errors know nothing of it.
    difficulty: float = 0.0
    #: Share of the images on which the annotator starts from another's labels, 0..1
    #: (:mod:`annotators.simulate.copying`).
    copies: float = 0.0
    #: Number of the annotator who is copied, from 1; None: nobody.
    copies_from: int | None = None
    #: Share of what is copied that the annotator judges afresh, 0..1.
    corrects: float = 0.3
    #: How errors change along the annotator's sequence of images, -1..1: above 0 they grow
    #: (fatigue), below they fall (learning) (:mod:`annotators.simulate.drift`).
    drift: float = 0.0
    #: Probability that an object is drawn as two boxes, 0..1
    #: (:mod:`annotators.simulate.partition`).
    splits: float = 0.0
    #: Probability that two objects that touch are drawn as one box, 0..1.
    merges: float = 0.0
    #: Precision of the hand for ``box_noise="sized"``: standard deviation of an edge in pixels,
    #: 0..100. None: 5 (1 - p).
    hand: float | None = None
    #: What the annotator's boxes have in common, for ``box_noise="sized"``.
    habit: Habit = "own"

    def __post_init__(self) -> None:
        for name, known in (
            ("family", FAMILIES), ("box_noise", BOX_NOISES), ("habit", HABITS),
        ):  # fmt: skip
            value = getattr(self, name)
            if value not in known and (name, value) != ("family", FITTED):
                raise InputError(
                    f"{flag(name)} {shown(value)} is not known: choose {', '.join(known)}"
                )
        if not 0 <= self.proficiency <= 1:
            raise InputError(f"--proficiency {self.proficiency} is not from 0 to 1")
        if not 0 <= self.spurious <= 10:
            raise InputError(f"--spurious {self.spurious} is not from 0 to 10 boxes an image")
        if not 0 < self.coverage <= 1:
            raise InputError(f"--coverage {self.coverage} is not a share above 0 and up to 1")
        for name in ("difficulty", "copies", "corrects", "splits", "merges"):
            if not 0 <= getattr(self, name) <= 1:
                raise InputError(f"{flag(name)} {getattr(self, name)} is not from 0 to 1")
        if not -1 <= self.drift <= 1:
            raise InputError(f"--drift {self.drift} is not from -1 (learning) to 1 (fatigue)")
        self._check_sized()

    def _check_sized(self) -> None:
        if self.hand is not None and not 0 <= self.hand <= 100:
            raise InputError(f"--hand {self.hand} is not from 0 to 100 pixels")
        if self.box_noise == "sized":
            return
        for name, usual in (("hand", None), ("habit", "own")):
            if (value := getattr(self, name)) != usual:
                raise InputError(
                    f"{flag(name)} {value} means nothing to --box-noise {self.box_noise}: take "
                    "--box-noise sized, or leave it out"
                )

    def described(self) -> dict[str, Any]:
        """Return the options as plain JSON values.

        Those that came after the first frozen editions are left out where they have their default,
        so that the manifests, the hashes and the files of older data sets stay as they are.
        """
        values = {one.name: getattr(self, one.name) for one in fields(self)}
        for one in fields(self)[_FIRST:]:
            if one.default is not MISSING and values[one.name] == one.default:
                del values[one.name]
        return values


# The options that every description holds.
_FIRST = 5


def flag(field: str) -> str:
    """Return the option of the command that sets a field."""
    return "--" + field.replace("_", "-")
