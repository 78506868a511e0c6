"""Face benchmarks, one file each: its settings, how it opens its files, its protocol and what it reports; other packages add theirs."""
