"""Contract suites for members: what every one of a kind promises, as tests that pytest collects."""
