"""What the formats share: how they find images, classes and raters, and copy images along."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterable
from pathlib import Path

from medmnist_det.errors import InputError
from medmnist_det.files import make_folder, naming, read_bytes
from medmnist_det.labels import Images


def adopt(path: Path, images: Images) -> tuple[Images, Callable[[str, int], int]]:
    """Return a given image table and a function that finds a row of it by id, name or stem."""
    rows: dict[str, int] = {}
    for names in (
        map(str, images.ids),
        images.names,
        (Path(name).with_suffix("").as_posix() for name in images.names),
    ):
        for k, name in enumerate(names):
            rows.setdefault(name, k)

    def find(name: str, line: int) -> int:
        if name not in rows:
            raise InputError(
                f"{path}, line {line}: image {name!r} is not among the {len(images)} images given; "
                "name the file that belongs to these labels"
            )
        return rows[name]

    return images, find


def numbered(names: Iterable[str | None]) -> tuple[int | str, ...]:
    """Return the different names in order: as whole numbers where all are some."""
    different = {name for name in names if name is not None}
    if all(name.isdecimal() and str(int(name)) == name for name in different):
        return tuple(sorted(map(int, different)))
    return tuple(sorted(different))


def copy_images(source: Path, target: Path, images: Images) -> tuple[str, ...]:
    """Copy the images of a table into one flat folder and return their names there.

    Raises InputError for a missing image, for names that would overwrite one another without their
    folders, and when the disk refuses.
    """
    names = tuple(Path(name).name for name in images.names)
    if len({Path(name).stem for name in names}) < len(names):
        raise InputError(f"{target}: two images would share a name there; rename one of them")
    make_folder(target)
    for name, short in zip(images.names, names, strict=True):
        with naming(source / name):
            shutil.copyfile(source / name, target / short)
    return names


def yaml_names(path: Path) -> tuple[str, ...]:
    """Return the class names of a YOLO data.yaml. Raises InputError for a file without any."""
    import yaml

    try:
        content = yaml.safe_load(read_bytes(path))
    except yaml.YAMLError as error:
        raise InputError(f"{path}: is not YAML ({str(error).splitlines()[0]})") from error
    names = content.get("names") if isinstance(content, dict) else None
    if isinstance(names, dict) and sorted(names) == list(range(len(names))):
        names = [names[k] for k in range(len(names))]
    if not isinstance(names, list) or not names:
        raise InputError(f"{path}: has no 'names', a list of class names or one numbered from 0")
    return tuple(map(str, names))
