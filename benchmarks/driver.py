"""Running workloads in turn with their reference, and showing the ratios: a table and JSON."""

import json
import os
import platform
import statistics
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One measured workload: *rate* in *unit* per second, beside that of its reference."""

    workload: str
    unit: str
    rate: float
    reference: float
    target: float
    peers: Mapping[str, float] = field(default_factory=dict)

    @property
    def ratio(self) -> float:
        return self.rate / self.reference


def alternate(rounds: int, *loops: Callable[[], float]) -> list[float]:
    """Run *loops* in turn, *rounds* times; return the median of what each returned.

    Neighbours in time share the noise of a machine, so that their ratio is steadier than either.
    """
    results: list[list[float]] = [[] for _ in loops]
    for _ in range(rounds):
        for loop, measured in zip(loops, results, strict=True):
            measured.append(loop())
    return [statistics.median(measured) for measured in results]


def show(figures: list[Figure]) -> None:
    """Print a table for people, then one line of JSON for programs."""
    print(f"{'workload':<24}{'rate/s':>12}{'reference/s':>14}{'ratio':>8}{'target':>8}  peers")
    for figure in figures:
        peers = ", ".join(f"{name} {rate:,.0f}/s" for name, rate in figure.peers.items())
        print(
            f"{figure.workload:<24}{figure.rate:>12,.0f}{figure.reference:>14,.0f}"
            f"{figure.ratio:>8.2f}{figure.target:>8.2f}  {peers}"
        )
    machine = {"cores": os.cpu_count(), "python": platform.python_version()}
    rows = [asdict(figure) | {"ratio": round(figure.ratio, 3)} for figure in figures]
    print(json.dumps({"machine": machine, "figures": rows}))
