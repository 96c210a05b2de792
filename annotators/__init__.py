"""Annotators: truth -> crowd (simulate), with every simulated annotator fully known."""
