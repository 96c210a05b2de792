"""The bundled detector: model, loss, training and prediction."""

from typing import TYPE_CHECKING

from medmnist_det.faces import face

if TYPE_CHECKING:
    from medmnist_det.reference.checkpoint import Checkpoint as Checkpoint
    from medmnist_det.reference.checkpoint import load_checkpoint as load_checkpoint
    from medmnist_det.reference.criterion import Criterion as Criterion
    from medmnist_det.reference.criterion import Step as Step
    from medmnist_det.reference.lessons import NOT_ASSIGNED as NOT_ASSIGNED
    from medmnist_det.reference.lessons import Lessons as Lessons
    from medmnist_det.reference.loss import LossOptions as LossOptions
    from medmnist_det.reference.loss import detection_loss as detection_loss
    from medmnist_det.reference.model import Detector as Detector
    from medmnist_det.reference.prediction import predict as predict
    from medmnist_det.reference.recipe import Recipe as Recipe
    from medmnist_det.reference.teacher import School as School
    from medmnist_det.reference.teacher import Sightings as Sightings
    from medmnist_det.reference.teacher import Teacher as Teacher
    from medmnist_det.reference.training import train as train

__all__ = [
    "Checkpoint",
    "Criterion",
    "Detector",
    "Lessons",
    "LossOptions",
    "NOT_ASSIGNED",
    "Recipe",
    "School",
    "Sightings",
    "Step",
    "Teacher",
    "detection_loss",
    "load_checkpoint",
    "predict",
    "train",
]

__getattr__, __dir__ = face(
    __name__,
    {
        "Checkpoint": "medmnist_det.reference.checkpoint",
        "Detector": "medmnist_det.reference.model",
        "Lessons": "medmnist_det.reference.lessons",
        "LossOptions": "medmnist_det.reference.loss",
        "Criterion": "medmnist_det.reference.criterion",
        "NOT_ASSIGNED": "medmnist_det.reference.lessons",
        "School": "medmnist_det.reference.teacher",
        "Sightings": "medmnist_det.reference.teacher",
        "Step": "medmnist_det.reference.criterion",
        "Teacher": "medmnist_det.reference.teacher",
        "Recipe": "medmnist_det.reference.recipe",
        "detection_loss": "medmnist_det.reference.loss",
        "load_checkpoint": "medmnist_det.reference.checkpoint",
        "predict": "medmnist_det.reference.prediction",
        "train": "medmnist_det.reference.training",
    },
)
