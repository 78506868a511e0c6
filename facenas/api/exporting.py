"""`api.export`: a trained model as one file for others."""

import logging
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any, Literal

from facenas.api.checking import Check, checked_on
from facenas.api.given import Changes, assignments
from facenas.api.progress import showing
from facenas.data import InputContract
from facenas.data.faces import told_size
from facenas.errors import SettingsError
from facenas.eval.embed import METADATA_KEY
from facenas.export import FORMATS, Exported, ExportError, FormatSection, export_network
from facenas.export.insightface_pack import is_read, write_pack
from facenas.export.parity import Runner
from facenas.files import write_json
from facenas.locks import locked_output, locked_within
from facenas.settings import assigned
from facenas.training.device import Device, make_fabric
from facenas.training.models import Model, load_model
from facenas.words import percent

logger = logging.getLogger("facenas")
OF_FORMAT = "format."  # begins the paths of a format's settings


@dataclass(frozen=True)
class ExportResult:
    """What is known of an exported file.

    Attributes:
        file: The exported file; its report lies beside it, under the same name with `.json`.
        exported: What the file expects of an image, and its agreement with torch.
        check: The benchmark and images that it was checked on.
        report: Everything that is known of it: bytes, hash, rates before and after, latency.
    """

    file: Path
    exported: Exported
    check: Check
    report: dict[str, Any]

    @property
    def bytes(self) -> int:
        """Size of the file in bytes."""
        return int(self.report["bytes"])

    @property
    def cosine_min(self) -> float:
        """Smallest cosine of an image's embeddings by the file and by torch."""
        return self.exported.parity.min_cosine


def export(
    model: str | Path,
    format: FormatSection | str = "onnx",
    *,
    input: Literal["contract", "raw"] = "contract",
    insightface_pack: str | Path | None = None,
    check_on: str = "orl",
    max_accuracy_drop: float | None = None,
    config: str | Path | None = None,
    set: Changes = (),
    run: str | Path | None = None,
    device: Device | None = None,
    data_root: str | Path | None = None,
    progress: bool = False,
) -> ExportResult:
    """Write a trained model as one file, checked against torch on real images and on a benchmark before it takes its place.

    Args:
        model: Folder of a finished training run.
        format: Format of the file, by its name or its settings.
        input: `raw`: the file takes RGB values from 0 to 255 as they are, as insightface and OpenCV give them.
        insightface_pack: Also write this folder for insightface 2; implies `input="raw"`.
        check_on: Benchmark that the file is checked on.
        max_accuracy_drop: Fail if a rate of the benchmark falls by more, a fraction.
        config: A YAML file of settings instead of the benchmark's preset.
        set: Settings of the benchmark to change, by path, and of the format, by `format.KEY`.
        run: Folder for the file; without it the model's folder.
        device: Device that torch models run on; without it the settings'.
        data_root: Folder of the benchmark's data; without it the settings'.
        progress: Whether lines and bars are shown on standard error.

    Raises:
        ExportError: If the file differs from torch by more than its format explains, or loses too much; nothing is written then.
        ModelError: If the model cannot be read.
        RunError: If another process is at work on the run, or writes the same file.
    """
    pack, place = Path(insightface_pack) if insightface_pack else None, Path(model)
    changes = [*assignments(set), *([f"device={device}"] if device else [])]
    form = _format(format, [one.removeprefix(OF_FORMAT) for one in changes if one.startswith(OF_FORMAT)])
    if pack and form.opset is None:
        raise SettingsError(f"an insightface pack holds an ONNX file, got --format {form.name}; leave --insightface-pack out")
    read, raw = load_model(place), input == "raw" or pack is not None
    folder = Path(run) if run else place if place.is_dir() else place.parent
    file = folder / f"model{'-raw' if raw else ''}{form.suffix}"
    with showing(progress), ExitStack() as locks:
        locks.enter_context(locked_within(folder, file))
        if pack:
            locks.enter_context(locked_output(pack))
        check = checked_on(
            place,
            read.card,
            check_on,
            config=config,
            given=[one for one in changes if not one.startswith(OF_FORMAT)],
            data_root=str(data_root) if data_root is not None else None,
        )
        logger.info("exporting, then comparing with torch on %d images and on %s ...", len(check.images), check.name)
        exported, judged = _exported(read, file, check, kind=form, raw=raw, max_drop=max_accuracy_drop)
        report: dict[str, Any] = {
            "file": str(file),
            "format": form.name,
            "bytes": file.stat().st_size,
            "sha256": sha256(file.read_bytes()).hexdigest(),
            "opset": exported.opset,
            "input": exported.contract.model_dump(mode="json"),
            "parity": asdict(exported.parity),
            "float_layers": exported.float_layers,
            **judged,
        }
        if pack:
            _packed(pack, file, exported.contract, judged["dimension"])
            report["insightface_pack"] = str(pack)
        write_json(file.with_name(f"{file.name}.json"), report)
    return ExportResult(file, exported, check, report)


def _format(given: FormatSection | str, changes: list[str]) -> FormatSection:
    """The format of a name, or settings of one, with what is changed in it."""
    if isinstance(given, str):
        made: FormatSection = assigned(FORMATS.get(given), {"name": given}, changes, told=f"--format {given}")
        return made
    return assigned(type(given), given.model_dump(), changes, told=f"--format {given.name}")


def _exported(
    read: Model, file: Path, check: Check, *, kind: FormatSection, raw: bool, max_drop: float | None
) -> tuple[Exported, dict[str, Any]]:
    """Write the file if it is good enough; what it was found to be worth."""
    network, card = read
    judged: dict[str, Any] = {}

    def judge(runner: Runner, contract: InputContract) -> None:
        judged.update(check.judge(runner, contract, network, card.input))
        if max_drop is not None and judged["benchmark"]["drop"] > max_drop:
            raise ExportError(
                f"{kind.name} loses {percent(judged['benchmark']['drop'])} on {check.name}, more than --max-accuracy-drop {max_drop:g} "
                "allows; nothing was written"
            )

    exported = export_network(
        network,
        file,
        kind=kind,
        contract=card.input,
        raw=raw,
        images=check.images,
        calibration=check.calibration,
        metadata=lambda contract: {METADATA_KEY: card.model_copy(update={"input": contract}).model_dump_json()},
        device=make_fabric(check.device, "fp32").device,
        judge=judge,
    )
    return exported, judged


def _packed(pack: Path, file: Path, contract: InputContract, dimension: int) -> None:
    """Write insightface's folder, and say so if it ignores such files."""
    write_pack(pack, file, size=contract.size, dimension=dimension)
    if not is_read(contract.size):
        logger.info(
            "insightface ignores files for %s pixels: it reads squares of 112 or more, in multiples of 16", told_size(contract.size)
        )
