"""Label formats and pictures: one reader and one writer each, without loss."""

from typing import TYPE_CHECKING

from medmnist_det.faces import face

if TYPE_CHECKING:
    from medmnist_det.formats.coco import read_coco as read_coco
    from medmnist_det.formats.coco import write_coco as write_coco
    from medmnist_det.formats.coco import write_results as write_results
    from medmnist_det.formats.data_frame import to_frame as to_frame
    from medmnist_det.formats.export import export_folder as export_folder
    from medmnist_det.formats.export import read_labels as read_labels
    from medmnist_det.formats.fiftyone_samples import from_fiftyone as from_fiftyone
    from medmnist_det.formats.fiftyone_samples import to_fiftyone as to_fiftyone
    from medmnist_det.formats.hugging_face import from_datasets as from_datasets
    from medmnist_det.formats.hugging_face import to_datasets as to_datasets
    from medmnist_det.formats.png import read_grey as read_grey
    from medmnist_det.formats.supervision_detections import from_supervision as from_supervision
    from medmnist_det.formats.supervision_detections import to_supervision as to_supervision
    from medmnist_det.formats.vindr_csv import read_csv as read_csv
    from medmnist_det.formats.vindr_csv import write_csv as write_csv
    from medmnist_det.formats.voc import read_voc as read_voc
    from medmnist_det.formats.voc import write_voc as write_voc
    from medmnist_det.formats.yolo import read_yolo as read_yolo
    from medmnist_det.formats.yolo import write_yolo as write_yolo

__all__ = [
    "export_folder",
    "from_datasets",
    "from_fiftyone",
    "from_supervision",
    "read_coco",
    "read_csv",
    "read_grey",
    "read_labels",
    "read_voc",
    "read_yolo",
    "to_datasets",
    "to_fiftyone",
    "to_frame",
    "to_supervision",
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
        "from_datasets": "medmnist_det.formats.hugging_face",
        "from_fiftyone": "medmnist_det.formats.fiftyone_samples",
        "from_supervision": "medmnist_det.formats.supervision_detections",
        "read_coco": "medmnist_det.formats.coco",
        "read_csv": "medmnist_det.formats.vindr_csv",
        "read_grey": "medmnist_det.formats.png",
        "read_labels": "medmnist_det.formats.export",
        "read_voc": "medmnist_det.formats.voc",
        "read_yolo": "medmnist_det.formats.yolo",
        "to_datasets": "medmnist_det.formats.hugging_face",
        "to_fiftyone": "medmnist_det.formats.fiftyone_samples",
        "to_frame": "medmnist_det.formats.data_frame",
        "to_supervision": "medmnist_det.formats.supervision_detections",
        "write_coco": "medmnist_det.formats.coco",
        "write_csv": "medmnist_det.formats.vindr_csv",
        "write_results": "medmnist_det.formats.coco",
        "write_voc": "medmnist_det.formats.voc",
        "write_yolo": "medmnist_det.formats.yolo",
    },
)
