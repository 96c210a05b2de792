"""Truth -> crowd: simulated annotators, every one of them fully known."""

from typing import TYPE_CHECKING

from medmnist_det.faces import face

if TYPE_CHECKING:
    from annotators.simulate.annotator import Annotator as Annotator
    from annotators.simulate.annotator import draw_annotators as draw_annotators
    from annotators.simulate.crowd import SimulatedCrowd as SimulatedCrowd
    from annotators.simulate.crowd import simulate as simulate
    from annotators.simulate.matrices import FAMILIES as FAMILIES
    from annotators.simulate.matrices import transition_matrix as transition_matrix
    from annotators.simulate.options import BOX_NOISES as BOX_NOISES
    from annotators.simulate.options import AnnotatorOptions as AnnotatorOptions
    from annotators.simulate.presets import PRESETS as PRESETS
    from annotators.simulate.presets import crowd_options as crowd_options
    from annotators.simulate.rates import realised as realised

__all__ = [
    "Annotator",
    "AnnotatorOptions",
    "BOX_NOISES",
    "FAMILIES",
    "PRESETS",
    "SimulatedCrowd",
    "crowd_options",
    "draw_annotators",
    "realised",
    "simulate",
    "transition_matrix",
]

__getattr__, __dir__ = face(
    __name__,
    {
        "Annotator": "annotators.simulate.annotator",
        "AnnotatorOptions": "annotators.simulate.options",
        "BOX_NOISES": "annotators.simulate.options",
        "FAMILIES": "annotators.simulate.matrices",
        "PRESETS": "annotators.simulate.presets",
        "SimulatedCrowd": "annotators.simulate.crowd",
        "crowd_options": "annotators.simulate.presets",
        "draw_annotators": "annotators.simulate.annotator",
        "realised": "annotators.simulate.rates",
        "simulate": "annotators.simulate.crowd",
        "transition_matrix": "annotators.simulate.matrices",
    },
)
