"""The files of published face benchmarks, and pairs of photographs."""
