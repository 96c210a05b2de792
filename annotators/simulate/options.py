"""Who annotates: the options of simulated annotators, and the presets."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, get_args

from annotators.simulate.box_noise import BOX_NOISES, BoxNoise
from annotators.simulate.matrices import FAMILIES, Family
from medmnist_det.errors import InputError, shown

#: More annotators than any published crowd of detection labels has.
MOST_ANNOTATORS = 1000


@dataclass(frozen=True, kw_only=True)
class AnnotatorOptions:
    """How one annotator is drawn. Raises InputError for values out of bounds."""

    #: The p of the paper, 0..1: of the matrix family and of the box noise.
    proficiency: float = 0.8
    #: The law of the class transition matrix (:mod:`annotators.simulate.matrices`).
    family: Family = "random"
    #: The law of the boxes (:mod:`annotators.simulate.box_noise`).
    box_noise: BoxNoise = "iou"
    #: Mean number of spurious boxes in an image, 0..10. Poisson.
    spurious: float = 0.0
    #: Share of the images that the annotator is assigned, above 0 to 1.
    coverage: float = 1.0

    def __post_init__(self) -> None:
        for name, value, known in (
            ("family", self.family, FAMILIES),
            ("box_noise", self.box_noise, BOX_NOISES),
        ):
            if value not in known:
                raise InputError(
                    f"{_flag(name)} {shown(value)} is not known: choose {', '.join(known)}"
                )
        if not 0 <= self.proficiency <= 1:
            raise InputError(f"--proficiency {self.proficiency} is not from 0 to 1")
        if not 0 <= self.spurious <= 10:
            raise InputError(f"--spurious {self.spurious} is not from 0 to 10 boxes an image")
        if not 0 < self.coverage <= 1:
            raise InputError(f"--coverage {self.coverage} is not a share above 0 and up to 1")


Preset = Literal[
    "paper", "paper-code", "experts-and-novices", "crowd", "radiology", "adversary", "sparse"
]
PRESETS: tuple[Preset, ...] = get_args(Preset)


#: Number of images that a preset asks for.
PRESET_IMAGES: dict[str, dict[str, int]] = {
    preset: {"train": 4000, "val": 1000, "test": 3000}
    if preset == "paper-code"
    else {"train": 5000, "val": 1000, "test": 1000}
    for preset in PRESETS
}


def preset_crowd(preset: Preset) -> tuple[AnnotatorOptions, ...]:
    """Return the annotators of a preset; docs/decisions.md says where its numbers come from.

    But for the paper's own and ``sparse``, families are chosen in which p is what it says: the
    probability of finding an object and naming it right. Raises InputError for a name that is none.
    """
    one = AnnotatorOptions
    match preset:
        case "paper":  # Le et al. 2023, by its text
            return (one(),) * 3
        case "paper-code":  # Le et al. 2023, by its published code
            return (one(family="uniform", box_noise="gaussian"),) * 3
        case "experts-and-novices":  # BDC's VOC-MIX: 5 experts and 20 ordinary; 5 an image here
            expert = one(proficiency=0.95, family="uniform", coverage=0.2)
            return (expert,) * 5 + (replace(expert, proficiency=0.7),) * 20
        case "crowd":  # BDC's COCO-MIX at a tenth of its size: about 9 an image
            return (
                (one(proficiency=0.95, family="uniform", spurious=0.02, coverage=0.5),) * 2
                + (one(proficiency=0.8, family="uniform", spurious=0.1, coverage=0.1),) * 55
                + (one(proficiency=0.6, family="uniform", spurious=0.2, coverage=0.05),) * 33
                + (one(proficiency=0.2, family="hammer-spammer", spurious=0.5, coverage=0.1),) * 10
            )
        case "radiology":  # VinDr-CXR: 17 radiologists, exactly 3 an image, habits of their own
            return tuple(
                one(
                    proficiency=round(0.6 + 0.3 * k / 16, 4),
                    family="pairwise-flipper",
                    box_noise="biased",
                    spurious=0.1,
                    coverage=3 / 17,
                )
                for k in range(17)
            )
        case "adversary":  # Wang et al.: one of several has the names mixed up
            return (one(family="uniform"),) * 4 + (one(family="adversarial"),)
        case "sparse":  # Tanno et al.: one label an image
            return (one(coverage=1 / 5),) * 5
    raise InputError(f"--preset {shown(preset)} is not known: choose {', '.join(PRESETS)}")


def crowd_options(
    preset: Preset = "paper", *, annotators: int | None = None, **values: Sequence[Any] | None
) -> tuple[AnnotatorOptions, ...]:
    """Return the annotators of a preset with some of its values replaced.

    ``values`` maps fields of :class:`AnnotatorOptions` to one value for all annotators or one for
    each. Raises InputError for a number of annotators or of values that does not fit.
    """
    crowd = preset_crowd(preset)
    if annotators is not None:
        if not 1 <= annotators <= MOST_ANNOTATORS:
            raise InputError(f"--annotators {annotators} is not from 1 to {MOST_ANNOTATORS}")
        if annotators != len(crowd) and len(set(crowd)) > 1:
            raise InputError(
                f"--annotators {annotators} does not fit --preset {preset}, whose {len(crowd)} "
                "annotators differ: leave one of the two out"
            )
        crowd = (crowd[0],) * annotators
        if preset == "sparse":  # stays at one annotator an image
            crowd = (replace(crowd[0], coverage=1 / annotators),) * annotators
    for name, given in values.items():
        if given is None:
            continue
        if len(given) not in (1, len(crowd)):
            raise InputError(
                f"{_flag(name)} has {len(given)} values for {len(crowd)} annotators: give one "
                f"value, or {len(crowd)} separated by commas"
            )
        each = list(given) * (len(crowd) // len(given))
        crowd = tuple(replace(one, **{name: v}) for one, v in zip(crowd, each, strict=True))
    return crowd


def _flag(field: str) -> str:
    return "--" + field.replace("_", "-")
