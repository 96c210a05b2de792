"""Scores by name: what ``evaluate`` returns."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, Literal

from evaluation.assessment import Assessment, Comparison
from evaluation.read.source import Source
from evaluation.show.json_file import as_dict, comparison_as_dict, write_json
from medmnist_det.errors import InputError, shown
from medmnist_det.formats.arrays import needed
from medmnist_det.front.intake import tell

#: The tables of :meth:`Evaluated.to_frame`.
Table = Literal["metrics", "classes", "sizes", "errors"]


class _Files:
    """What a result writes to files, as the command does."""

    #: All that was scored, and the truth that it was scored on.
    _result: Assessment | Comparison
    _source: Source

    def write_json(self, path: str | Path) -> None:
        """Write ``to_dict()`` to a file. Raises ValueError where the disk refuses."""
        write_json(Path(path), self._result)

    def write_report(self, path: str | Path, images: str | Path | None = None) -> None:
        """Write one self-contained HTML page; ``images`` is where the pictures lie.

        Of a data set on disk the page shows what raters and methods drew, too. Raises ValueError
        where the disk refuses, or no error budget was made (``errors=True``).
        """
        from evaluation.read.layers import read_layers
        from evaluation.show.page.report import write_report

        first = self._need_errors()
        layers = read_layers(self._source, first.truth)
        tell(layers.warnings)
        place = self._source.images if images is None else Path(images)
        write_report(Path(path), self._result, images=place, layers=layers)

    def write_figures(
        self, folder: str | Path, formats: str | Sequence[str] = ("png", "pdf")
    ) -> None:
        """Write the figures into a folder, as ``png``, ``pdf`` or ``svg``.

        Raises as :meth:`write_report` does.
        """
        from evaluation.show.figures import write_figures
        from medmnist_det.drawing import formats_of

        self._need_errors()
        kinds = formats_of(formats if isinstance(formats, str) else ",".join(formats))
        write_figures(Path(folder), self._result, kinds)

    def _need_errors(self) -> Assessment:
        found = self._result
        first = found.first if isinstance(found, Comparison) else found
        if first.confusion is None:
            raise InputError("no error budget was made for so many boxes: evaluate(errors=True)")
        return first


class Evaluated(_Files, Mapping[str, float | None]):
    """Scores by name, as in ``scores["mAP@0.4"]``: the metrics, then COCO's twelve.

    What is undefined (the mean over no class) is None.
    """

    def __init__(self, assessment: Assessment, source: Source) -> None:
        self.assessment = self._result = assessment
        self._source = source

    def _values(self) -> dict[str, float | None]:
        scores = self.assessment.scores
        headline = zip(scores.metrics, scores.headline, strict=True)
        coco = {name: mean.value for name, mean in scores.coco.items()}
        return {metric.name: mean.value for metric, mean in headline} | coco

    def __getitem__(self, name: str) -> float | None:
        values = self._values()
        if name not in values:
            raise KeyError(f"{name!r} is no score; there are {', '.join(values)}")
        return values[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._values())

    def __len__(self) -> int:
        return len(self._values())

    def __repr__(self) -> str:
        parts = []
        for name, interval in self.intervals.items():
            value = self[name]
            spread = "" if interval is None else f" ({interval[0]:.3f} to {interval[1]:.3f})"
            parts.append(f"{name} {'undefined' if value is None else f'{value:.3f}'}{spread}")
        scores = self.assessment.scores
        return (
            f"Evaluated: {', '.join(parts)}; {scores.detections:,} boxes, {scores.objects:,} "
            f"objects, {scores.images:,} images"
        )

    @property
    def intervals(self) -> dict[str, tuple[float, float] | None]:
        """Low and high end of each metric's 95% bootstrap interval; None where there is none."""
        found = self.assessment
        return {
            metric.name: None if one is None else (one.low, one.high)
            for metric, one in zip(found.scores.metrics, found.intervals, strict=True)
        }

    @property
    def errors(self) -> dict[str, dict[str, float]]:
        """Points that each kind of error costs each metric; empty where no budget was made."""
        return {
            budget.metric.name: {loss.kind: loss.points for loss in budget.losses}
            for budget in self.assessment.budgets
        }

    @property
    def warnings(self) -> tuple[str, ...]:
        """What is odd about the truth or the boxes, a sentence each."""
        return self.assessment.warnings

    def to_dict(self) -> dict[str, Any]:
        """Return every number, curves included, as plain values; undefined ones are None."""
        return as_dict(self.assessment)

    def to_frame(self, of: Table = "metrics") -> Any:
        """Return a pandas table: of the ``metrics``, with intervals; of the ``classes``, the
        ``sizes`` of objects, or the ``errors`` (counts and points, metric by metric).
        """  # noqa: D205
        pandas = needed("pandas", "to_frame()")
        tables = {
            "metrics": self._metrics,
            "classes": self._classes,
            "sizes": self._sizes,
            "errors": self._errors,
        }
        if of not in tables:
            raise InputError(f"of={shown(of)} is not known: choose {', '.join(tables)}")
        return pandas.DataFrame(tables[of]())

    def _metrics(self) -> list[dict[str, Any]]:
        intervals = self.intervals
        rows = []
        for name, value in self.items():
            low, high = intervals.get(name) or (None, None)
            rows.append({"metric": name, "value": value, "low": low, "high": high})
        return rows

    def _classes(self) -> list[dict[str, Any]]:
        scores = self.assessment.scores
        names = [metric.name for metric in scores.metrics]
        chosen = [scores.classes[k] for k in scores.used]
        return [
            {"class": one.name, "objects": one.objects, "boxes": one.detections}
            | dict(zip(names, one.ap, strict=True))
            | {"AR": one.ar}
            for one in chosen
        ]

    def _sizes(self) -> list[dict[str, Any]]:
        scores = self.assessment.scores
        names = [metric.name for metric in scores.metrics]
        return [
            {"side": one.name, "objects": one.objects}
            | dict(zip(names, (mean.value for mean in one.ap), strict=True))
            | {"AR": one.ar.value}
            for one in scores.sizes
        ]

    def _errors(self) -> list[dict[str, Any]]:
        budgets = self.assessment.budgets
        return [{"metric": b.metric.name} | asdict(loss) for b in budgets for loss in b.losses]


class Compared(_Files):
    """Two detectors on one truth: ``first``, ``second``, and what the second gains by metric."""

    def __init__(self, comparison: Comparison, source: Source) -> None:
        self.comparison = self._result = comparison
        self._source = source
        self.first = Evaluated(comparison.first, source)
        self.second = Evaluated(comparison.second, source)

    @property
    def differences(self) -> dict[str, dict[str, Any] | None]:
        """``value``, ``low``, ``high``, ``p_value`` and ``real`` by metric; None: undefined."""
        found = self.comparison
        return {
            metric.name: None
            if one is None
            else {
                "value": one.value,
                "low": one.interval.low,
                "high": one.interval.high,
                "p_value": one.p_value,
                "real": one.real,
            }
            for metric, one in zip(found.first.scores.metrics, found.differences, strict=True)
        }

    def __repr__(self) -> str:
        parts = [
            f"{name} {'undefined' if one is None else format(one['value'], '+.3f')}"
            + (" (real)" if one and one["real"] else "")
            for name, one in self.differences.items()
        ]
        return f"Compared: {', '.join(parts)}"

    def to_dict(self) -> dict[str, Any]:
        """Return every number of both, and the differences, as plain values."""
        return comparison_as_dict(self.comparison)

    def to_frame(self) -> Any:
        """Return a pandas table of the differences, a row a metric."""
        pandas = needed("pandas", "to_frame()")
        rows = [{"metric": name} | (one or {}) for name, one in self.differences.items()]
        return pandas.DataFrame(rows)
