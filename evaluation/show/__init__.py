"""Scores for people: tables, figures, the page, and the JSON file."""
