"""How much a cell of the benchmark may cost: images, epochs, network, size of the images."""

from __future__ import annotations

from dataclasses import dataclass, replace

from medmnist_det.errors import InputError, shown
from medmnist_det.labels import SPLITS


@dataclass(frozen=True, kw_only=True)
class Budget:
    """What every cell of a column is trained with; numbers of two budgets are never compared.

    Raises InputError for values out of bounds.
    """

    name: str
    #: Images of every split; None: the preset's own.
    train: int | None = None
    val: int | None = None
    test: int | None = None
    #: Times to see every image with a box.
    epochs: int
    #: The bundled detector's size, ``n`` or ``s``.
    model: str = "n"
    #: Side of an image in pixels.
    canvas: int = 320

    def __post_init__(self) -> None:
        for split in SPLITS:
            images = getattr(self, split)
            if images is not None and not 1 <= images <= 999_999:
                raise InputError(f"--images {images} is not from 1 to 999,999 {split} images")
        if not 1 <= self.epochs <= 1_000_000:
            raise InputError(f"--epochs {self.epochs}: must be from 1 to 1,000,000")

    @property
    def data_key(self) -> str:
        """What the images of every split, and their side, are called in the names of files."""
        images = "-".join(str(getattr(self, split) or "all") for split in SPLITS)
        return f"{images}x{self.canvas}"

    @property
    def key(self) -> str:
        """What the budget is called in the names of files."""
        if self.name != CUSTOM:
            return self.name
        return f"{self.data_key}-{self.model}-{self.epochs}"

    def sentence(self) -> str:
        """Return what the budget means, for people."""
        counts = [(split, getattr(self, split)) for split in SPLITS]
        images = ", ".join(f"{count:,} {split}" for split, count in counts if count is not None)
        return (
            f"budget {self.name}: {images or 'all'} images of {self.canvas} px, "
            f"model {self.model}, {self.epochs} epoch{'s' * (self.epochs != 1)}"
        )


#: What a budget is called of which a value was changed.
CUSTOM = "custom"

#: The budgets by name. Where their sizes come from: docs/decisions.md.
BUDGETS = {
    one.name: one
    for one in (
        Budget(name="quick", train=2500, val=1000, test=1000, epochs=10),
        Budget(name="standard", train=5000, val=1000, test=1000, epochs=10),
        Budget(name="paper", epochs=32),
    )
}


def budget_of(
    name: str,
    *,
    images: tuple[int, ...] | None = None,
    epochs: int | None = None,
    model: str | None = None,
    canvas: int | None = None,
) -> Budget:
    """Return a budget with some of its values changed, which makes it ``custom``.

    ``images`` are those for training, or of train, val and test. Raises InputError for a name that
    is none and for values out of bounds.
    """
    if name not in BUDGETS:
        raise InputError(f"--budget {shown(name)} is not known: choose {', '.join(BUDGETS)}")
    changes: dict[str, int | str] = {}
    if images is not None:
        if len(images) not in (1, len(SPLITS)):
            raise InputError(
                f"--images {','.join(map(str, images))}: give the number of training images, or "
                "three numbers for train, val and test"
            )
        changes |= dict(zip(SPLITS, images, strict=False))
    given = {"epochs": epochs, "model": model, "canvas": canvas}
    changes |= {key: value for key, value in given.items() if value is not None}
    known = BUDGETS[name]
    changed = replace(known, **changes)  # type: ignore[arg-type]
    return known if changed == known else replace(changed, name=CUSTOM)
