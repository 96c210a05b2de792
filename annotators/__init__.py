"""Annotators: truth -> crowd (``simulate``), crowd -> truth (``infer``), and how far they agree.

- ``crowd_options``, ``draw_annotators``, ``SimulatedCrowd``: simulated annotators, fully known;
- ``read_crowd``: a crowd's labels from a file that says who drew what (``CrowdFile``);
- ``annotators.infer.infer``: one label set of a crowd by one of ``METHODS``, with
  ``InferenceOptions``;
- ``agreement``: Krippendorff's alpha for boxes (``Agreement``).

They take label sets, which ``medmnist_det.aggregate`` makes of tables, lists and files.

>>> from annotators import SimulatedCrowd, crowd_options, draw_annotators
>>> names = ("cat", "dog")
>>> drawn = draw_annotators(crowd_options("paper", annotators=2), len(names), seed=0)
>>> SimulatedCrowd(annotators=drawn, seed=0, class_names=names).raters
(1, 2)
"""

from typing import TYPE_CHECKING

from medmnist_det.faces import face

if TYPE_CHECKING:
    from annotators.alpha import Agreement as Agreement
    from annotators.alpha import agreement as agreement
    from annotators.crowd_files import CrowdFile as CrowdFile
    from annotators.crowd_files import read_crowd as read_crowd
    from annotators.infer.registry import METHODS as METHODS
    from annotators.infer.registry import InferenceOptions as InferenceOptions
    from annotators.simulate.annotator import draw_annotators as draw_annotators
    from annotators.simulate.crowd import SimulatedCrowd as SimulatedCrowd
    from annotators.simulate.presets import crowd_options as crowd_options

__all__ = [
    "Agreement",
    "CrowdFile",
    "InferenceOptions",
    "METHODS",
    "SimulatedCrowd",
    "agreement",
    "crowd_options",
    "draw_annotators",
    "read_crowd",
]

__getattr__, __dir__ = face(
    __name__,
    {
        "Agreement": "annotators.alpha",
        "CrowdFile": "annotators.crowd_files",
        "InferenceOptions": "annotators.infer.registry",
        "METHODS": "annotators.infer.registry",
        "SimulatedCrowd": "annotators.simulate.crowd",
        "agreement": "annotators.alpha",
        "crowd_options": "annotators.simulate.presets",
        "draw_annotators": "annotators.simulate.annotator",
        "read_crowd": "annotators.crowd_files",
    },
)
