"""The page: one HTML file with every number, figure and image, that needs no other file."""
