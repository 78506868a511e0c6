"""One member of each kind, one file each: a package that facenas finds by its entry points."""
