"""Strategies, one a file (or a folder, where there is a stage of shared weights): the settings that choose it, and the algorithm."""
