"""Protocols and metrics; embeddings come from a function, so any model can be measured."""

from typing import TYPE_CHECKING

from facenas.lazily import lazily

if TYPE_CHECKING:
    from facenas.eval.benchmark import BENCHMARKS, Benchmark, BenchmarkFiles, BenchmarkSection, Conditions, Result
    from facenas.eval.embed import Embedder, torch_embedder
    from facenas.eval.extraction import Features, extract, kept, unit
    from facenas.eval.onnx_model import onnx_embedder, onnx_session
    from facenas.eval.pair_files import PairFiles
    from facenas.eval.verification import PairBenchmark, Verification, pair_benchmark, verify

__all__ = [
    "BENCHMARKS",
    "Benchmark",
    "BenchmarkFiles",
    "BenchmarkSection",
    "Conditions",
    "Embedder",
    "Features",
    "PairBenchmark",
    "PairFiles",
    "Result",
    "Verification",
    "extract",
    "kept",
    "onnx_embedder",
    "onnx_session",
    "pair_benchmark",
    "torch_embedder",
    "unit",
    "verify",
]
__getattr__ = lazily(
    __name__,
    {
        "facenas.eval.benchmark": ("BENCHMARKS", "Benchmark", "BenchmarkFiles", "BenchmarkSection", "Conditions", "Result"),
        "facenas.eval.embed": ("Embedder", "torch_embedder"),
        "facenas.eval.extraction": ("Features", "extract", "kept", "unit"),
        "facenas.eval.onnx_model": ("onnx_embedder", "onnx_session"),
        "facenas.eval.pair_files": ("PairFiles",),
        "facenas.eval.verification": ("PairBenchmark", "Verification", "pair_benchmark", "verify"),
    },
)
