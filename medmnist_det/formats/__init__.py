"""Label formats and pictures: one reader and one writer each, without loss."""

from typing import TYPE_CHECKING

from medmnist_det.faces import face

if TYPE_CHECKING:
    from medmnist_det.formats.coco import read_coco as read_coco
    from medmnist_det.formats.coco import write_coco as write_coco
    from medmnist_det.formats.coco import write_results as write_results
    from medmnist_det.formats.export import export_folder as export_folder
    from medmnist_det.formats.export import read_labels as read_labels
    from medmnist_det.formats.png import read_grey as read_grey
    from medmnist_det.formats.vindr_csv import read_csv as read_csv
    from medmnist_det.formats.vindr_csv import write_csv as write_csv
    from medmnist_det.formats.voc import read_voc as read_voc
    from medmnist_det.formats.voc import write_voc as write_voc
    from medmnist_det.formats.yolo import read_yolo as read_yolo
    from medmnist_det.formats.yolo import write_yolo as write_yolo

__all__ = [
    "export_folder",
    "read_coco",
    "read_csv",
    "read_grey",
    "read_labels",
    "read_voc",
    "read_yolo",
    "write_coco",
    "write_csv",
    "write_results",
    "write_voc",
    "write_yolo",
]

__getattr__, __dir__ = face(
    __name__,
    {
        "export_folder": "medmnist_det.formats.export",
        "read_coco": "medmnist_det.formats.coco",
        "read_csv": "medmnist_det.formats.vindr_csv",
        "read_grey": "medmnist_det.formats.png",
        "read_labels": "medmnist_det.formats.export",
        "read_voc": "medmnist_det.formats.voc",
        "read_yolo": "medmnist_det.formats.yolo",
        "write_coco": "medmnist_det.formats.coco",
        "write_csv": "medmnist_det.formats.vindr_csv",
        "write_results": "medmnist_det.formats.coco",
        "write_voc": "medmnist_det.formats.voc",
        "write_yolo": "medmnist_det.formats.yolo",
    },
)
