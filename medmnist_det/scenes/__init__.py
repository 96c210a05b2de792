"""Digits -> scenes -> PNG: MED-MNIST's images."""

from typing import TYPE_CHECKING

from medmnist_det.faces import face

if TYPE_CHECKING:
    from medmnist_det.scenes.composer import SceneOptions as SceneOptions
    from medmnist_det.scenes.composer import Scenes as Scenes
    from medmnist_det.scenes.composer import compose as compose
    from medmnist_det.scenes.composer import compose_block as compose_block
    from medmnist_det.scenes.digits import Digits as Digits
    from medmnist_det.scenes.digits import load_digits as load_digits

__all__ = ["Digits", "SceneOptions", "Scenes", "compose", "compose_block", "load_digits"]

__getattr__, __dir__ = face(
    __name__,
    {
        "Digits": "medmnist_det.scenes.digits",
        "SceneOptions": "medmnist_det.scenes.composer",
        "Scenes": "medmnist_det.scenes.composer",
        "compose": "medmnist_det.scenes.composer",
        "compose_block": "medmnist_det.scenes.composer",
        "load_digits": "medmnist_det.scenes.digits",
    },
)
