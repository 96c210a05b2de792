"""What the methods are made of: groups of boxes, evidence, models of raters, and the result."""
