"""What finds faces in pictures, one detector a file: its settings and how it is made; other packages add theirs."""
