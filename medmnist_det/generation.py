"""From options to a data set on disk: compose, annotate, write; safe to run again at any point."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import orjson

from medmnist_det import __version__
from medmnist_det.errors import InputError, RefusedError
from medmnist_det.files import (
    clear_leftovers,
    make_folder,
    naming,
    read_json,
    write_atomically,
)
from medmnist_det.folder import FORMAT, Folder, Layout, count, write_json
from medmnist_det.formats.coco import write_coco
from medmnist_det.guards import LOCK, locked
from medmnist_det.hashes import (
    DIGEST_BYTES,
    content_hash,
    file_hash,
    fingerprint,
    pixel_hash,
    seal,
    values_hash,
)
from medmnist_det.labels import (
    CROWD_SPLITS,
    SPLITS,
    Classes,
    Images,
    Labels,
    LabelSet,
    Split,
    stack,
)
from medmnist_det.provenance import Marks, write_provenance
from medmnist_det.scenes.composer import SceneOptions
from medmnist_det.scenes.digits import Digits
from medmnist_det.scenes.looks import Looks
from medmnist_det.scenes.workers import Job, block_count, file_name, write_images

#: Classes of every data set: digit d has COCO id d + 1, as 0 means "background" to many tools.
DIGIT_CLASSES = Classes(ids=tuple(range(1, 11)), names=tuple("0123456789"))

#: More images than this do not fit their six-digit names.
MOST_IMAGES = 999_999


class Crowd(Protocol):
    """Who labels the scenes. Lives above this package and is handed in."""

    def describe_options(self) -> list[dict[str, Any]]:
        """Return the options of every annotator as plain JSON values."""
        ...

    def annotate(
        self, truth: Labels, images: Images, split: str, looks: Looks | None = None
    ) -> Marks:
        """Return what the crowd draws on the true labels of a split.

        ``looks`` are those of the true objects, where their digits are known.
        """
        ...

    def describe(
        self,
        truth: Mapping[str, Labels],
        crowd: Mapping[str, Labels],
        looks: Mapping[str, Looks] | None = None,
    ) -> dict[str, Any]:
        """Return all that is known about the annotators and what they did, as JSON values."""
        ...

    @property
    def raters(self) -> tuple[int | str, ...]:
        """The annotators' ids in the files."""
        ...


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What to generate. The same plan, digits and crowd give the same data set everywhere."""

    scenes: SceneOptions
    #: Number of images of every split.
    images: dict[Split, int]
    seed: int = 0

    def __post_init__(self) -> None:
        for split, images in self.images.items():
            if not 0 <= images <= MOST_IMAGES:
                raise InputError(f"--{split} {images} is not from 0 to {MOST_IMAGES:,} images")
        if not any(self.images.values()):
            raise InputError("a data set needs an image: give --train, --val or --test above 0")
        if not 0 <= self.seed < 2**63:
            raise InputError(f"--seed {self.seed} is not from 0 to 2**63 - 1")


def generate(
    out: Path,
    plan: Plan,
    digits: Digits,
    crowd: Crowd,
    *,
    workers: int = 1,
    progress: Callable[[int], None] = lambda _: None,
) -> Folder:
    """Make the data set of a plan in the folder ``out`` and return it.

    A folder that holds this very data set is returned as it is. One that holds the beginning of it
    is made anew, to the same bytes: nothing of what an interrupted run left is trusted. ``workers``
    processes compose; their number changes nothing but the time. ``progress`` is told how many
    images were written since the last call.

    Raises InputError for a folder that holds anything else or that another command works in, and
    when the disk refuses. Options that cannot be met leave nothing behind.
    """
    if not 1 <= workers <= 256:
        raise InputError(f"--workers {workers} is not from 1 to 256")
    options = _describe(plan, digits, crowd)
    place = Layout(path=out)
    made = _make(out)
    try:
        with locked(out):
            if _claim(place, options):
                _fill_or_clear(place, plan, digits, crowd, options, workers, progress)
    except BaseException:
        for folder in made:  # goes where it is empty: what a later run can use stays
            with contextlib.suppress(OSError):
                folder.rmdir()
        raise
    return Folder.open(out)


def _make(out: Path) -> list[Path]:
    """Create a folder where there is none; return what was created, the innermost first."""
    with naming(out):
        made = [folder for folder in (out, *out.parents) if not folder.exists()]
    make_folder(out)
    return made


def _fill_or_clear(
    place: Layout,
    plan: Plan,
    digits: Digits,
    crowd: Crowd,
    options: dict[str, Any],
    workers: int,
    progress: Callable[[int], None],
) -> None:
    try:
        _fill(place, plan, digits, crowd, options, workers, progress)
    except RefusedError:
        raise  # a full disk, say: the same command may be met later
    except InputError:
        _clear(place)  # these options never will
        raise


def _clear(place: Layout) -> None:
    """Remove what an unfinished data set consists of, and nothing else that lies in its folder."""
    clear_leftovers(place.path)
    with naming(place.path):
        for split in SPLITS:
            for file in _files(place, split):
                file.unlink(missing_ok=True)
            # Written over, files that lie on a disk already take fifty times as long.
            if place.images(split).is_dir():
                for image in place.images(split).iterdir():
                    if _IMAGE.fullmatch(image.name):
                        image.unlink()
            for folder in {place.images(split), *(file.parent for file in _files(place, split))}:
                with contextlib.suppress(OSError):  # something of the user's lies in it
                    folder.rmdir()
        place.annotators_file.unlink(missing_ok=True)
        with contextlib.suppress(OSError):
            place.image_folder.rmdir()
        place.unfinished_file.unlink(missing_ok=True)


# Names that file_name gives.
_IMAGE = re.compile(r"\d{6}\.png")


def _files(place: Layout, split: Split) -> tuple[Path, ...]:
    """Return the files that a split has beside its images."""
    truth = (place.truth_file(split), place.digests_file(split))
    if split not in CROWD_SPLITS:
        return truth
    return (*truth, place.crowd_file(split), place.provenance_file(split))


def _fill(
    place: Layout,
    plan: Plan,
    digits: Digits,
    crowd: Crowd,
    options: dict[str, Any],
    workers: int,
    progress: Callable[[int], None],
) -> None:
    """Write everything into a folder that is marked as unfinished, and the manifest last."""
    for split in SPLITS:
        for folder in (place.images(split), *(file.parent for file in _files(place, split))):
            make_folder(folder)
    hashes: dict[str, Any] = {}
    counts: dict[str, Any] = {}
    truths: dict[str, Labels] = {}
    drawn: dict[str, Labels] = {}
    looks: dict[str, Looks] = {}
    job = Job(folder=place.image_folder, scenes=plan.scenes, digits=digits, seed=plan.seed)
    # Closed at once if anything fails here: processes would go on composing.
    with contextlib.closing(write_images(job, plan.images, workers)) as blocks:
        for split in SPLITS:
            parts, shown, digests = [], [], []
            for _ in range(block_count(plan.images[split])):
                labels, digit, digest = next(blocks)
                parts.append(labels)
                shown.append(digit)
                digests.append(digest)
                progress(labels.images)
            truth = label_set(stack(parts or [Labels.empty(0)]), plan.scenes.canvas)
            truths[split] = truth.labels
            write_coco(place.truth_file(split), truth)
            write_digests(place.digests_file(split), b"".join(digests))
            hashes[split] = {"pixels": pixel_hash(iter(digests)), "truth": content_hash(truth)}
            if split in CROWD_SPLITS:
                digit = np.concatenate(shown or [np.zeros(0, dtype=np.int64)])
                looks[split] = Looks.of(digits, split, digit)
                marks = crowd.annotate(truth.labels, truth.images, split, looks[split])
                drawn[split] = marks.labels
                table = LabelSet(
                    images=truth.images,
                    classes=truth.classes,
                    labels=drawn[split],
                    raters=crowd.raters,
                )
                write_coco(place.crowd_file(split), table)
                write_provenance(place.provenance_file(split), marks)
                hashes[split]["crowd"] = content_hash(table)
                if marks.behind:
                    hashes[split]["behind"] = values_hash(marks.behind)
            counts[split] = count(truth.labels, drawn.get(split))
    write_json(place.annotators_file, crowd.describe(truths, drawn, looks))
    hashes["annotators"] = file_hash(place.annotators_file)
    manifest = options | {
        "format": FORMAT,
        "made_by": f"medmnist-det {__version__}",
        "counts": counts,
        "hashes": hashes,
        "fingerprint": fingerprint(hashes),
    }
    write_json(place.manifest_file, manifest | {"seal": seal(manifest)})
    with naming(place.path):
        place.unfinished_file.unlink()


def write_digests(path: Path, digests: bytes) -> None:
    """Write the digests of a split's images, one a line: which image was changed is found by it."""
    starts = range(0, len(digests), DIGEST_BYTES)
    lines = [digests[start : start + DIGEST_BYTES].hex() for start in starts]
    write_atomically(path, ["".join(f"{line}\n" for line in lines).encode()])


def _describe(plan: Plan, digits: Digits, crowd: Crowd) -> dict[str, Any]:
    """Return what makes this data set the one that it is, as it stands in the manifest."""
    scenes = orjson.loads(orjson.dumps(asdict(plan.scenes)))
    if scenes["background"] == "black":
        del scenes["background"]  # what every data set had before there were others
    return {
        "options": {
            "seed": plan.seed,
            "images": plan.images,
            "scenes": scenes,
            "annotators": crowd.describe_options(),
        },
        "digits": {
            "source": digits.source,
            "original": digits.original,
            "sha256": digits.sha256,
        },
    }


def _claim(place: Layout, options: dict[str, Any]) -> bool:
    """Say whether there is work to do in a folder, and mark it as unfinished if so.

    Raises InputError where the folder holds anything but this data set or its beginning.
    """
    out, marker = place.path, place.unfinished_file
    other = f"choose another folder with --out, or remove {out}"
    for file, what in (
        (place.manifest_file, "a different data set"),
        (marker, "half of a different data set"),
    ):
        if file.is_file():
            theirs = read_json(file)
            if differences := _differences(theirs, options):
                raise InputError(f"{out}: holds {what} ({differences}); {other}")
            if file == place.manifest_file:
                marker.unlink(missing_ok=True)
                return False
            _clear(place)
    with naming(out):
        if any(file.name != LOCK for file in out.iterdir()):
            raise InputError(f"{out}: is not empty and holds no data set; {other}")
    write_json(marker, options)
    return True


def _differences(theirs: Any, ours: dict[str, Any]) -> str:
    """Name the options in which another description differs from ours, the first three of them."""
    found: list[str] = []

    def compare(a: Any, b: Any, name: str) -> None:
        if isinstance(b, dict):
            a = a if isinstance(a, dict) else {}
            # A manifest says more than what was asked for; its options do not.
            for key in b if not name else b | a:
                compare(a.get(key), b.get(key), f"{name} {key}".strip())
        elif a != b:
            plain = all(isinstance(value, str | int | float) for value in (a, b))
            found.append(f"{name}: {a} there, {b} asked for" if plain else name)

    compare(theirs, ours, "")
    return "; ".join(found[:3]) + ("; ..." if len(found) > 3 else "")


def label_set(labels: Labels, canvas: int) -> LabelSet:
    """Return labels of digits with the tables of their square images and of the ten classes."""
    size = np.full(labels.images, canvas)
    images = Images(
        ids=tuple(range(1, labels.images + 1)),
        names=tuple(map(file_name, range(labels.images))),
        width=size,
        height=size,
    )
    return LabelSet(images=images, classes=DIGIT_CLASSES, labels=labels)
