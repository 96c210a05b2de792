"""One simulated annotator, fully known: options, matrix, and the laws of boxes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from annotators.simulate.box_law import BoxLaw, drawn_law
from annotators.simulate.copying import copying_order
from annotators.simulate.matrices import transition_matrix
from annotators.simulate.options import FITTED, AnnotatorOptions
from annotators.simulate.spurious import SpuriousLaw
from medmnist_det.errors import InputError
from medmnist_det.streams import stream

if TYPE_CHECKING:
    from annotators.simulate.matrices import Matrix


@dataclass(frozen=True, kw_only=True, eq=False)
class Annotator:
    """One simulated annotator, fully known."""

    options: AnnotatorOptions
    #: Class transition matrix over L classes and ``no_obj`` (:mod:`annotators.simulate.matrices`).
    matrix: Matrix
    #: Means and spreads of the errors of boxes, for ``biased`` and ``sized`` (else unused).
    box_law: BoxLaw
    #: Where spurious boxes lie and how large they are; None: uniform.
    spurious_law: SpuriousLaw | None = None
    #: What the annotator is called in the file that it was read from.
    name: str | None = None
    #: The hash of the description from which the annotator was read; None for one that was drawn.
    source: str | None = None

    def describe_options(self) -> dict[str, Any]:
        """Return what the annotator was asked to be, as plain JSON values."""
        described = self.options.described()
        return described if self.source is None else described | {"source": self.source}

    def describe(self) -> dict[str, Any]:
        """Return everything about the annotator as plain JSON values."""
        described: dict[str, Any] = {} if self.name is None else {"name": self.name}
        described |= self.options.described() | {"matrix": self.matrix.tolist()}
        if self.options.box_noise in ("biased", "sized"):
            described |= self.box_law.described(pixels=self.options.box_noise == "sized")
        if self.spurious_law is not None:
            described["spurious_boxes"] = self.spurious_law.described()
        return described


def draw_annotators(
    options: Sequence[AnnotatorOptions], classes: int, seed: int
) -> tuple[Annotator, ...]:
    """Draw the matrices and habits of all annotators; annotator k does not depend on the others.

    Raises InputError where a matrix family is not defined for that number of classes, and for
    annotators who copy from nobody, from themselves or in a circle.
    """
    copying_order(options)
    annotators = []
    for k, one in enumerate(options):
        if one.family == FITTED:
            raise InputError(
                "--family fitted is not drawn: its matrices come from a file; give it with "
                "--annotators-from"
            )
        rng = stream(seed, "annotator", k)
        matrix = transition_matrix(one.family, classes, one.proficiency, one.spurious, rng)
        law = drawn_law(one, rng, stream(seed, "habit", k))
        annotators.append(Annotator(options=one, matrix=matrix, box_law=law))
    return tuple(annotators)
