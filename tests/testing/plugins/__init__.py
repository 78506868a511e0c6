"""What a package of somebody else may bring, one member a file."""
