"""The front: what joins annotators, detector and evaluation. Only cli.py refers to it."""
