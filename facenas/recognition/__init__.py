"""Using a model: faces found and aligned, models of any origin, comparison, galleries."""
