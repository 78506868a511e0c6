"""Files that hold photographs, read and written: RecordIO, Parquet, verification files, IDX, lists and pictures."""
