"""Truth inference: crowd -> one label set with confidences, one method a file."""
