"""What callers hand over: files and folders by path, data sets, and labels held in memory."""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from annotators.crowd_files import as_crowd
from annotators.sources import Source, open_crowds
from medmnist_det.errors import InputError, shown
from medmnist_det.folder import Folder
from medmnist_det.formats.data_frame import is_table, read_table
from medmnist_det.formats.items import read_items
from medmnist_det.formats.rows import Held, hold
from medmnist_det.labels import LabelSet
from medmnist_det.terminal.option_text import words

#: Anything that holds labels; the docstrings of the functions say which forms there are.
Data = Any
Images = Iterable[Any] | Mapping[Any, tuple[int, int]] | None
Classes = Sequence[str] | Mapping[int, str] | None


@dataclass(frozen=True, kw_only=True)
class About:
    """What a caller says about labels in memory, which the labels themselves do not."""

    images: Images = None
    assigned: Any = None
    classes: Classes = None
    size: tuple[int, int] | None = None

    def refuse(self, what: str, form: str) -> None:
        """Raise InputError where anything is said of labels that say it themselves."""
        for name in ("images", "assigned", "classes", "size"):
            if getattr(self, name) is not None:
                raise InputError(
                    f"{name}: {what} is {form}, which says that itself; leave {name}= out"
                )


_FORMS = (
    "a path, a LabelSet, a table with the columns image, label, x_min, y_min, x_max, y_max "
    "(pandas, Polars or a dictionary), or a list with a dictionary of boxes and labels for every "
    "image"
)


def in_memory(
    data: Data,
    what: str,
    about: About,
    *,
    scored: bool = False,
    drawn: bool = False,
    zero_area: bool = False,
) -> Held:
    """Return labels that are no file. Raises TypeError for what is none, InputError for bad ones.

    ``drawn`` asks for raters, ``scored`` for scores.
    """
    for name in ("label_set", "labels"):  # a Dataset; a result of aggregate() or annotate()
        inner = getattr(data, name, None)
        if isinstance(inner, LabelSet):
            about.refuse(what, f"a {type(data).__name__}")
            in_order = name == "label_set"
            return Held(label_set=_asked(inner, what, drawn), in_order=in_order)
    if isinstance(data, LabelSet):
        about.refuse(what, "a LabelSet")
        return Held(label_set=_asked(data, what, drawn))
    if is_table(data):
        rows = read_table(data, what, scored=scored, drawn=drawn)
    elif isinstance(data, Sequence) and not isinstance(data, str | bytes):
        rows = read_items(data, what, scored=scored, drawn=drawn)
    else:
        raise TypeError(f"{what} is of type {type(data).__name__}; give {_FORMS}")
    return hold(
        rows,
        images=about.images,
        assigned=about.assigned,
        classes=about.classes,
        size=about.size,
        zero_area=zero_area,
    )


def _asked(label_set: LabelSet, what: str, drawn: bool) -> LabelSet:
    if drawn and label_set.raters is None:
        raise InputError(f"{what}: these labels do not say who drew them; give those of a crowd")
    return label_set


def crowd_source(
    crowd: Data, split: str | None, raters: str | Sequence[Any] | None, about: About
) -> tuple[Source, Folder | None]:
    """Return crowd labels, and the data set that they are of, if they are.

    Raises TypeError for what holds no labels, InputError for labels that nobody drew, and warns
    where it is taken for granted who looked at which image.
    """
    only = tuple(str(one) for one in words(raters) or ())
    if raters is not None and not only:
        raise InputError("raters=[]: name one rater or more, or leave it out")
    if isinstance(crowd, str | Path | Folder):
        about.refuse("crowd", "on disk")
        path = crowd.path if isinstance(crowd, Folder) else Path(crowd)
        folder = Folder.open(path) if path.is_dir() else None
        if folder is None:
            refuse_split(split, "crowd", "a file")
            source = next(open_crowds(path, path, (), only))
            tell(source.crowd.assumed)
        else:
            source = next(open_crowds(path, None, (split or "train",), only))
    else:
        refuse_split(split, "crowd", "held in memory")
        held = in_memory(crowd, "crowd", about, drawn=True)
        ids = tuple(range(1, len(held.label_set.labels) + 1))
        found = as_crowd("crowd", held.label_set, ids, only, "nothing says who looked")
        source, folder = Source(name="crowd", path=Path("crowd"), crowd=found), None
        tell(f"{one}; say who did with assigned=" for one in found.assumed)
    return source, folder


def refuse_split(split: str | None, what: str, form: str) -> None:
    """Raise InputError where a split is asked of what has none."""
    if split is not None:
        raise InputError(f"split={shown(split)}: {what} is {form} and has no splits; leave it out")


def tell(sentences: Iterable[str]) -> None:
    """Warn whoever called a function of the front door."""
    here = str(Path(__file__).parents[1])
    depth, frame = 1, inspect.currentframe()
    while frame is not None and frame.f_code.co_filename.startswith(here):
        frame, depth = frame.f_back, depth + 1
    for sentence in sentences:
        warnings.warn(sentence, UserWarning, stacklevel=depth)
