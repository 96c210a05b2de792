"""Methods: crowd -> detector. Each is a teacher of the reference detector.

``registry`` names them; a user's own are added by an entry point or by ``module:Class``.
"""
