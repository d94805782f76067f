"""Where the supervision keeps its files below the data folder."""

from pathlib import Path

_PER_FOLDER = 1000


def output_path(runs_dir: Path, run_id: int, claim: int) -> Path:
    """Return the stem of a run's output files: ``.out``, ``.err`` and ``.order`` are added.

    A folder holds a thousand runs: ``runs/000012/12345.1`` is the first claim of run 12345.
    """
    return Path(output_stem(str(runs_dir), run_id, claim))


def output_stem(runs_dir: str, run_id: int, claim: int) -> str:
    """Return the same as text: this is made for every run."""
    return f"{runs_dir}/{run_id // _PER_FOLDER:06d}/{run_id}.{claim}"


def output_files(runs_dir: Path, run_id: int) -> list[Path]:
    """Return the files of all claims of a run that exist."""
    folder = runs_dir / f"{run_id // _PER_FOLDER:06d}"
    return sorted(folder.glob(f"{run_id}.*"))


def runners_dir(data_dir: Path) -> Path:
    """Return the folder with one folder per runner: its journal, socket and stderr."""
    return data_dir / "runners"
