"""`api.evaluate`: what models are worth on benchmarks."""

import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from facenas.api.given import Changes, assignments, settings_of
from facenas.api.measuring import Measured, measure
from facenas.api.progress import showing
from facenas.data.benchmarks.verification_set import benchmark_name
from facenas.errors import DataError, SettingsError
from facenas.eval.classification import Classification, classification_accuracy
from facenas.eval.drawn import run_baselines
from facenas.eval.settings import EvalSettings, benchmarks_present, eval_settings
from facenas.eval.verification import PairBenchmark, Verification
from facenas.locks import locked_within
from facenas.recognition.models import load_classifier
from facenas.recognition.thresholds import keep_report
from facenas.training.device import Device

logger = logging.getLogger("facenas")
TEST, ALL = "test", "all"
Place = str | Path


@dataclass(frozen=True)
class EvalResult:
    """The figures of a model on a benchmark.

    Attributes:
        benchmark: Name of the benchmark.
        model: Where the model was read: a folder, a file or `timm:NAME`.
        result: The figures; rates are fractions.
        report: Everything that is written into the file.
        file: File that the report is kept in; None where nothing can be written.
        baselines: Figures of classical recognisers on the same pairs, if they were asked for.
        measured: The benchmark with its embeddings; None of a classifier.
    """

    benchmark: str
    model: Path
    result: Any
    report: Mapping[str, Any]
    file: Path | None
    baselines: Mapping[str, Verification] = field(default_factory=dict)
    measured: Measured | None = None


def evaluate(
    model: Place,
    benchmark: EvalSettings | str = "orl",
    *,
    data: Place | None = None,
    config: Place | None = None,
    set: Changes = (),
    run: Place | None = None,
    baselines: bool = False,
    seed: int | None = None,
    device: Device | None = None,
    progress: bool = False,
) -> EvalResult:
    """Measure a face model on people that it has not seen, or a classifier on its test set.

    Args:
        model: Folder of a training run, an ONNX file of any origin, `timm:NAME`, or embeddings (.npy).
        benchmark: A benchmark's name or its settings; `test` for a classifier's test set.
        data: Folder of the benchmark's files, or the file itself.
        config: A YAML file of settings instead of the benchmark's preset.
        set: Settings to change, by path: `{"replicates": 0}`.
        run: Folder for the report, in `eval` below it; without it the model's.
        baselines: Also measure raw pixels, eigenfaces and fisherfaces on the same pairs.
        seed: Seed of the choice of pairs and of the resamplings; without it the settings'.
        device: Device that torch models run on; without it the settings'.
        progress: Whether lines and bars are shown on standard error.

    Raises:
        SettingsError: If there is no such benchmark, or a setting is wrong.
        DataError: If files are missing or damaged, or nobody is left to test on.
        ModelError: If the model cannot be read.
        RunError: If another process writes the same report.
    """
    options: dict[str, Any] = {"data": data, "set": set, "run": run, "baselines": baselines, "seed": seed, "device": device}
    (done,) = evaluate_models([model], [benchmark], config=config, progress=progress, **options)
    return done


def evaluate_models(
    models: Sequence[Place],
    benchmarks: Sequence[EvalSettings | str] = ("orl",),
    *,
    data: Place | None = None,
    config: Place | None = None,
    set: Changes = (),
    run: Place | None = None,
    baselines: bool = False,
    seed: int | None = None,
    device: Device | None = None,
    progress: bool = False,
) -> tuple[EvalResult, ...]:
    """Measure several models on several benchmarks, benchmark by benchmark.

    Args:
        models: Folders of training runs, ONNX files of any origin, `timm:NAME`, or embeddings (.npy).
        benchmarks: Names or settings, or `["all"]`: every benchmark whose files `data` has.
        data: Folder of the benchmarks' files, or the file itself.
        config: A YAML file of settings instead of the benchmarks' presets.
        set: Settings to change, by path, of every benchmark.
        run: Folder for the reports, in `eval` below it; without it each model's.
        baselines: Also measure raw pixels, eigenfaces and fisherfaces on the same pairs.
        seed: Seed of the choice of pairs and of the resamplings; without it the settings'.
        device: Device that torch models run on; without it the settings'.
        progress: Whether lines and bars are shown on standard error.

    Raises:
        FacenasError: If `evaluate` raises one for a model; what was measured before is kept.
    """
    paths, changes = list(map(Path, models)), [*assignments(set), *_given({"data.root": data, "seed": seed, "device": device})]
    with showing(progress):
        if _names(benchmarks) == [TEST]:
            settings_given = {"--config": config is not None, "--set": bool(set), "--seed": seed is not None}
            _refuse({"--compare": len(paths) > 1, **settings_given, "--baselines": baselines})
            return (_tested(paths[0], Path(run) if run else None, device or "auto", data),)
        settings = _settings(benchmarks, config, changes)
        return tuple(_evaluated(paths, settings, Path(run) if run else None, baselines=baselines))


def _evaluated(paths: list[Path], settings: Mapping[str, EvalSettings], run: Path | None, *, baselines: bool) -> Iterator[EvalResult]:
    for name, how in settings.items():
        told, files = set[str](), _report_files(paths, run, name)
        for path, file in zip(paths, files, strict=True):
            with _alone(file):
                measured = measure(path, name, how, told=told)
                classic = _classical(measured) if baselines else {}
                report = {name: measured.report} | ({"baselines": {key: asdict(one) for key, one in classic.items()}} if classic else {})
                kept = _stored(file, name, report)
            yield EvalResult(name, path, measured.result, report, kept, classic, measured)


def _names(benchmarks: Sequence[EvalSettings | str]) -> list[str]:
    """The benchmarks that a user names, each once, whichever way its name is written."""
    names = list(dict.fromkeys(benchmark_name(one) if isinstance(one, str) else _name_of(one) for one in benchmarks))
    if len(names) > 1 and TEST in names:
        others = ",".join(name for name in names if name != TEST)
        raise SettingsError(
            f"--benchmark {TEST} is for classifiers and {others} for face models, and no model is both; measure each with its own"
        )
    if len(names) > 1 and ALL in names:
        raise SettingsError(
            f"--benchmark {ALL} measures every benchmark that is there; give it alone, or the benchmarks by name, got {','.join(names)}"
        )
    return names


def _settings(benchmarks: Sequence[EvalSettings | str], config: Place | None, changes: list[str]) -> dict[str, EvalSettings]:
    """The settings of each benchmark, by its name."""
    names = _names(benchmarks)
    if names == [ALL]:
        return {name: _settings_of(name, config, changes) for name in _present(changes)}
    known = {_name_of(one): one for one in benchmarks if isinstance(one, EvalSettings)}
    return {
        name: settings_of(EvalSettings, "eval", known[name], changes) if name in known else _settings_of(name, config, changes)
        for name in names
    }


def _name_of(settings: EvalSettings) -> str:
    return str(settings.data.model_dump()["name"])


def _settings_of(name: str, config: Place | None, changes: list[str]) -> EvalSettings:
    return eval_settings(name, config=str(config) if config else None, overrides=changes, also=[TEST, ALL])


def _given(options: Mapping[str, object]) -> list[str]:
    """Options that were given, as assignments."""
    return assignments({key: str(value) if isinstance(value, Path) else value for key, value in options.items() if value is not None})


def _present(changes: list[str]) -> list[str]:
    """The benchmarks whose files are there; the others are told."""
    found, absent = benchmarks_present(changes)
    if not found:
        raise DataError(f"--data has none of {', '.join(absent)}; give the folder that their files are in")
    if absent:
        logger.info("not there, left out: %s", ", ".join(absent))
    return found


def _classical(measured: Measured) -> dict[str, Verification]:
    """Raw pixels, eigenfaces and fisherfaces on the same pairs."""
    if not isinstance(measured.benchmark, PairBenchmark):
        raise DataError(f"baselines learn from people of the same data set, {measured.name} has none to learn from; leave --baselines out")
    return dict(run_baselines(measured.benchmark))


def _refuse(options: Mapping[str, bool]) -> None:
    """Refuse those of the options that were given: a classifier's test set has no use for them."""
    if any(options.values()):
        given = ", ".join(name for name, is_given in options.items() if is_given)
        raise SettingsError(f"--benchmark {TEST} takes one model and no settings; leave out {given}")


def _tested(model: Path, run: Path | None, device: Device, data_root: Place | None) -> EvalResult:
    """Classify the test set of a classifier's data."""
    classifier = load_classifier(model, device)
    data = classifier.data.at(str(data_root)) if data_root else classifier.data
    test, (file,) = data.test(), _report_files([model], run, TEST)
    logger.info("classifying the %d test images of %s ...", len(test), data.name)
    with _alone(file):
        result: Classification = classification_accuracy(classifier.embedder, test)
        report = {TEST: asdict(result), "data": data.model_dump(mode="json"), "model": str(model)}
        return EvalResult(TEST, model, result, report, _stored(file, TEST, report))


@contextmanager
def _alone(file: Path) -> Iterator[None]:
    """Be the only process that writes a report; where nothing can be written nothing is locked, since models in such places are read."""
    with ExitStack() as stack:
        try:
            stack.enter_context(locked_within(file.parent.parent, file))
        except OSError as error:
            logger.debug("%s is not locked: %s", file, error)
        yield


def _stored(file: Path, name: str, content: dict[str, Any]) -> Path | None:
    """Where the result of a benchmark was written; None, and a remark, where nothing can be written."""
    try:
        return keep_report(file, name, content)
    except OSError as error:
        logger.info("the result cannot be kept at %s (%s); give another folder with --run", file, error.strerror)
        return None


def _report_files(models: Sequence[Path], run: Path | None, benchmark: str) -> list[Path]:
    """Where the result of a benchmark is written: beside each model, or in one folder, where several have a name each."""
    files = [_report_file(model, run, benchmark) for model in models]
    if len(set(files)) == len(files):
        return files
    named = [file.with_name(f"{benchmark}-{model.resolve().name}.json") for file, model in zip(files, models, strict=True)]
    if len(set(named)) == len(named):
        return named
    return [file.with_name(f"{benchmark}-{number}-{file.stem.partition('-')[2]}.json") for number, file in enumerate(named, 1)]


def _report_file(model: Path, run: Path | None, benchmark: str) -> Path:
    beside = model if model.is_dir() else model.parent if model.exists() else Path()
    of_file = "" if model.is_dir() else f"-{model.name.replace(':', '-')}"  # files lie side by side: model.onnx, model-int8.onnx
    return (run or beside) / "eval" / f"{benchmark}{of_file}.json"
