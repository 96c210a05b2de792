"""Other tools' label formats, written and read back without losing a bit."""
