"""Annotators: truth -> crowd (``simulate``), crowd -> truth (``infer``), and how far they agree."""

from typing import TYPE_CHECKING

from medmnist_det.faces import face

if TYPE_CHECKING:
    from annotators.alpha import Agreement as Agreement
    from annotators.alpha import agreement as agreement
    from annotators.crowd_files import CrowdFile as CrowdFile
    from annotators.crowd_files import read_crowd as read_crowd
    from annotators.infer.registry import InferenceOptions as InferenceOptions

__all__ = [
    "Agreement",
    "CrowdFile",
    "InferenceOptions",
    "agreement",
    "read_crowd",
]

__getattr__, __dir__ = face(
    __name__,
    {
        "Agreement": "annotators.alpha",
        "CrowdFile": "annotators.crowd_files",
        "InferenceOptions": "annotators.infer.registry",
        "agreement": "annotators.alpha",
        "read_crowd": "annotators.crowd_files",
    },
)
