"""Reading what is scored, and the truth that it is scored on."""
