"""MED-MNIST: object detection learned from several annotators who disagree, with known truth.

This package holds the benchmark itself: boxes, labels, digits, scenes, the folder on disk and the
formats. Who labels the scenes lives in ``annotators``.
"""

__version__ = "0.1.0"
