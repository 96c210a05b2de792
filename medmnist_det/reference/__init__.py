"""The reference detector: one-stage, anchor-based, YOLO-style; only here is torch imported."""
