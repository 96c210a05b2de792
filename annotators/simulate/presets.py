"""Crowds by name: the presets, and their annotators with some values replaced."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Literal, get_args

from annotators.simulate.options import AnnotatorOptions, flag
from medmnist_det.errors import InputError, shown

#: More annotators than any published crowd of detection labels has.
MOST_ANNOTATORS = 1000

Preset = Literal[
    "paper",
    "paper-code",
    "experts-and-novices",
    "crowd",
    "radiology",
    "adversary",
    "sparse",
    "hard",
    "students",
    "tired",
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
        case "hard":  # errors gather on hard objects, and follow how these look
            return (one(family="instance", difficulty=0.5),) * 3
        case "students":  # a teacher with a habit, three who copy it, two who judge for themselves
            teacher = one(proficiency=0.75, family="pairwise-flipper", box_noise="sized")
            student = replace(teacher, family="uniform", copies=0.8, copies_from=1, corrects=0.3)
            alone = replace(teacher, family="uniform", proficiency=0.9)
            return (teacher, *(student,) * 3, *(alone,) * 2)
        case "tired":  # three who tire, one who learns; touching objects and parts are mistaken
            tired = one(
                family="uniform",
                box_noise="sized",
                spurious=0.1,
                drift=0.8,
                splits=0.03,
                merges=0.3,
            )
            return (tired, tired, replace(tired, drift=0.4), replace(tired, drift=-0.6))
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
    each: dict[str, list[Any]] = {}
    for name, given in values.items():
        if given is None:
            continue
        if len(given) not in (1, len(crowd)):
            raise InputError(
                f"{flag(name)} has {len(given)} values for {len(crowd)} annotators: give one "
                f"value, or {len(crowd)} separated by commas"
            )
        each[name] = list(given) * (len(crowd) // len(given))
    if "copies" in each:
        alike = len(values["copies"] or ()) == 1
        each |= _taught(each["copies"], each.get("copies_from"), but_the_copied=alike)
    crowd = tuple(
        replace(one, **{name: column[k] for name, column in each.items()})
        for k, one in enumerate(crowd)
    )
    for name in ("copies_from", "corrects"):
        if name in each and not any(one.copies for one in crowd):
            raise InputError(f"{flag(name)} means nothing where nobody copies: add --copies")
    return crowd


def _taught(
    copies: list[float], copied: list[Any] | None, *, but_the_copied: bool
) -> dict[str, list[Any]]:
    """Return how much everybody copies, and from whom: the first annotator, where nobody is named.

    ``but_the_copied`` leaves out the one who is copied by all: one value is for the others.
    """
    copied = [1] * len(copies) if copied is None else copied
    if but_the_copied and len(copies) > 1 and len(set(copied)) == 1:
        copies = [0.0 if k + 1 == copied[0] else share for k, share in enumerate(copies)]
    # Who copies nothing has nobody to name, so that one crowd has one description.
    named = [who if share else None for who, share in zip(copied, copies, strict=True)]
    return {"copies": copies, "copies_from": named}
