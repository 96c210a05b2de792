"""Whether a data set on disk is what its manifest says: every file, every pixel, every label."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import orjson

from medmnist_det.croissant import check_croissant
from medmnist_det.editions import EDITIONS
from medmnist_det.errors import InputError, listed, shown
from medmnist_det.files import inside, naming, read_bytes, read_json
from medmnist_det.folder import Folder, count
from medmnist_det.formats.coco import coco_chunks, coco_lists, parse_coco
from medmnist_det.formats.png import read_grey
from medmnist_det.fused import details_file, read_fused
from medmnist_det.hashes import (
    DIGEST_BYTES,
    content_hash,
    file_hash,
    fingerprint,
    image_digest,
    label_hash,
    options_hash,
    pixel_hash,
    seal,
    values_hash,
)
from medmnist_det.labels import CROWD_SPLITS, SPLITS, Images, LabelSet, Split
from medmnist_det.provenance import OF_BOXES

# What file managers leave in every folder that somebody looks into.
_OF_THE_DESKTOP = (".DS_Store", "Thumbs.db", "desktop.ini")

# What an entry of a COCO file's lists is called.
_ONE = {"categories": "category", "raters": "rater", "images": "image", "annotations": "annotation"}

# More names than this in one message help nobody.
_MOST_NAMES = 5


def verify(
    folder: Folder, progress: Callable[[int], None] = lambda _: None, *, metadata: bool = True
) -> str:
    """Check every file of a data set against its manifest and return its fingerprint.

    Labels are held to their hashes, and their files to what the labels say: ids, areas, flags and
    rectangles are checked, too. Fused labels must belong to their details and to the crowd. What
    is no part of the data set is refused. ``progress`` is told how many images were read since the
    last call; without ``metadata`` croissant.json is left unread. Raises InputError that names the
    files that differ; also where the options are those of a frozen edition and the fingerprint is
    not.
    """
    expected = folder.manifest["hashes"]
    remedy = f"restore it, or remove {folder.path} and generate it again"
    if seal(folder.manifest) != folder.manifest["seal"]:
        raise InputError(f"{folder.manifest_file}: was changed after it was made; {remedy}")
    tables: dict[Split, tuple[LabelSet, LabelSet | None]] = {
        split: _labels_of(folder, split, remedy) for split in SPLITS
    }
    _refuse_strangers(folder, {split: truth.images for split, (truth, _) in tables.items()})
    if file_hash(folder.annotators_file) != expected["annotators"]:
        raise InputError(f"{folder.annotators_file}: is not what the manifest describes; {remedy}")
    for split, (truth, _) in tables.items():
        _check_pixels(folder, split, truth.images, remedy, progress)
    found = fingerprint(expected)
    if found != folder.manifest["fingerprint"]:
        raise InputError(f"{folder.manifest_file}: its hashes do not give its fingerprint")
    name, frozen = EDITIONS.get(options_hash(folder.manifest), ("", found))
    if frozen != found:
        raise InputError(
            f"{folder.path}: is intact, but is not the frozen edition ({name}: {frozen}) that its "
            "options ask for; another version of this program made it: generate it again"
        )
    if metadata:
        check_croissant(folder)
    for file in _fused_files(folder):
        _, crowd = tables[file.stem]  # type: ignore[index]
        read_fused(file, None if crowd is None else label_hash(crowd))
    return found


def _labels_of(folder: Folder, split: Split, remedy: str) -> tuple[LabelSet, LabelSet | None]:
    """Return the truth and the crowd of a split, which are what the manifest describes."""
    expected = folder.manifest["hashes"][split]
    truth, crowd = _as_written(folder.truth_file(split), remedy), None
    tables = [(truth, "truth", folder.truth_file(split))]
    if split in CROWD_SPLITS:
        crowd = _as_written(folder.crowd_file(split), remedy)
        behind = folder.with_provenance(split, crowd)
        _check_behind(folder, split, expected.get("behind"), remedy)
        tables.append((behind, "crowd", folder.crowd_file(split)))
    for table, name, file in tables:
        if content_hash(table) != expected[name]:
            beside = f" or {folder.provenance_file(split)}" if name == "crowd" else ""
            raise InputError(f"{file}{beside}: is not what the manifest describes; {remedy}")
    found = count(truth.labels, None if crowd is None else crowd.labels)
    if found != folder.manifest["counts"][split]:
        raise InputError(
            f"{folder.manifest_file}: counts {shown(folder.manifest['counts'][split])} in "
            f"{split}, where there are {found}; {remedy}"
        )
    return truth, crowd


def _check_behind(folder: Folder, split: Split, expected: str | None, remedy: str) -> None:
    """Raise InputError where the file behind a crowd says more or other things than it should."""
    file = folder.provenance_file(split)
    more = {key: v for key, v in read_json(file).items() if key not in OF_BOXES}
    if (values_hash(more) if more else None) != expected:
        raise InputError(
            f"{file}: is not what the manifest describes ({listed(more) or 'nothing more'} beside "
            f"{listed(OF_BOXES)}); {remedy}"
        )


def _as_written(file: Path, remedy: str) -> LabelSet:
    """Return the labels of a COCO file that says nothing but these labels, as we write it."""
    content = coco_lists(file)
    table = parse_coco(file, content)[0]
    plain = replace(table, labels=replace(table.labels, score=None, area=None, iscrowd=None))
    ours = orjson.loads(b"".join(coco_chunks(plain)))
    if where := _difference(content, ours):
        raise InputError(f"{file}{where}; {remedy}")
    return table


def _difference(theirs: dict[str, Any], ours: dict[str, Any]) -> str:
    """Return what differs first between two COCO files' contents, in words; "" for nothing."""
    if theirs == ours:
        return ""
    if theirs.keys() != ours.keys():
        names = sorted(theirs.keys() ^ ours.keys())
        return f": {shown(names[0])} is not what generate writes there"
    for name, rows in ours.items():
        for k, (a, b) in enumerate(zip(theirs[name], rows, strict=False)):
            if a == b:
                continue
            where = f", {_ONE[name]} {k}"
            if not isinstance(a, dict) or not isinstance(b, dict):
                return f"{where}: is {shown(a)}, not {shown(b)}"
            key = next(key for key in [*b, *a] if key not in a or key not in b or a[key] != b[key])
            if key not in b:
                return f"{where}: {shown(key)} is not what generate writes there"
            was = f"is {shown(a[key])}" if key in a else "is missing"
            return f"{where}: {key} {was}, not {shown(b[key])}"
    return ": its entries are not in the order in which generate writes them"


def _refuse_strangers(folder: Folder, images: dict[Split, Images]) -> None:
    """Raise InputError that names files and folders which are no part of the data set."""
    own = {folder.manifest_file, folder.unfinished_file, folder.annotators_file}
    own |= {folder.image_folder, folder.fused_folder, folder.croissant_file}
    for split in SPLITS:
        files = {folder.truth_file(split), folder.digests_file(split)}
        if split in CROWD_SPLITS:
            files |= {folder.crowd_file(split), folder.provenance_file(split)}
        own |= files | {file.parent for file in files} | {folder.images(split)}
        own |= {folder.images(split) / name for name in images[split].names}
    for file in _fused_files(folder):
        own |= {file, details_file(file), file.parent}
    places = {folder.image_folder, folder.fused_folder, *(one.parent for one in own)}
    strangers = [
        entry
        for place in sorted(places)
        for entry in _entries(place)
        if entry not in own and entry.name not in _OF_THE_DESKTOP
    ]
    if strangers:
        raise InputError(
            f"{_names(folder, strangers)}: no part of the data set; move it out of {folder.path}"
        )


def _fused_files(folder: Folder) -> list[Path]:
    """Return the files that hold fused labels: of any method, of the splits with a crowd."""
    files = (
        folder.fused_file(place.name, split)
        for place in _entries(folder.fused_folder)
        for split in CROWD_SPLITS
    )
    return [file for file in files if file.is_file()]


def _entries(place: Path) -> Iterator[Path]:
    """Yield what lies in a folder, sorted; nothing where there is none."""
    if not place.is_dir():
        return
    with naming(place):
        yield from sorted(place.iterdir())


def _names(folder: Folder, files: list[Path]) -> str:
    """Return files as a message names them: from the folder on, and the first of many."""
    more = len(files) - _MOST_NAMES
    names = ", ".join(str(file.relative_to(folder.path)) for file in files[:_MOST_NAMES])
    return f"{folder.path}: {names}" + (f" and {more:,} more" if more > 0 else "")


def _check_pixels(
    folder: Folder,
    split: Split,
    images: Images,
    remedy: str,
    progress: Callable[[int], None],
) -> None:
    """Raise InputError that names the images of a split that are not those that were written."""
    file = folder.digests_file(split)
    content = read_bytes(file)
    try:
        digests = bytes.fromhex(content.decode("ascii"))
    except ValueError:
        digests = b""
    if pixel_hash(iter([digests])) != folder.manifest["hashes"][split]["pixels"]:
        raise InputError(f"{file}: is not what the manifest describes; {remedy}")
    changed = []
    for k, name in enumerate(images.names):
        pixels = read_grey(inside(folder.images(split), name))
        digest = digests[k * DIGEST_BYTES : (k + 1) * DIGEST_BYTES]
        size = (images.height[k], images.width[k])
        if pixels.shape != size or image_digest(pixels) != digest:
            changed.append(folder.images(split) / name)
        progress(1)
    if changed:
        raise InputError(
            f"{_names(folder, changed)}: not the picture that was written there; {remedy}"
        )
