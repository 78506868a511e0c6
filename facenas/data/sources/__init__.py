"""Where images come from: photographs of faces and published sets of labelled images."""
