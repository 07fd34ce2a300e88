"""Labels of metrics: bounded in number, and looked up once.

Names of workflows, handlers and queues are made by users, and each one costs a series in every
metric that it labels, for as long as the process lives. So a process tells `MOST` of each apart,
the first ones that it meets; or none, if they are turned off: an empty label is to Prometheus as
good as none, so that dashboards and rules need not know.
"""

from __future__ import annotations

__all__ = ["MOST", "OTHER", "Levels", "NameLabel", "Series"]

from typing import TYPE_CHECKING, Generic, TypeAlias, TypeVar

from prometheus_client import Counter, Gauge, Histogram

if TYPE_CHECKING:
    from collections.abc import Mapping

MOST = 100
"""Workflows, handlers and so on that the metrics of one process tell apart."""

OTHER = "other"
"""The label of all further ones."""

_REMEMBERED = 1_000
"""Series of a metric that need not be looked up, by the names that were asked for."""

M = TypeVar("M", Counter, Gauge, Histogram)

Labels: TypeAlias = str | tuple[str, ...]
"""The value of the only label, or the values of all."""


class NameLabel:
    """The values of one label, for names that users make."""

    def __init__(self, *, wanted: bool) -> None:
        """Without `wanted` all are the same, and empty."""
        self._wanted = wanted
        self._known: set[str] = set()

    def of(self, name: str) -> str:
        """The label's value for that name."""
        if not self._wanted:
            return ""
        if name not in self._known:
            if len(self._known) >= MOST:
                return OTHER
            self._known.add(name)
        return name


class Series(dict[Labels, M], Generic[M]):
    """The series of one metric, by the values of its labels: made when first asked for.

    One that was met before costs the look-up in a dict.
    """

    def __init__(self, metric: M, names: Mapping[str, NameLabel]) -> None:
        """Bound the labels that `names` has; all others have few values."""
        super().__init__()
        self.metric: M = metric
        self._names = [names.get(label) for label in metric._labelnames]  # noqa: SLF001

    def __missing__(self, labels: Labels) -> M:
        shown = (
            value if name is None else name.of(value)
            for name, value in zip(self._names, _values(labels), strict=True)
        )
        series: M = self.metric.labels(*shown)
        if len(self) < _REMEMBERED:
            self[labels] = series
        return series


class Levels(Series[Gauge]):
    """Gauges whose series come and go: as many as there are things to measure."""

    def __init__(self, metric: Gauge) -> None:
        """Bound no label: levels of different things cannot be put together."""
        super().__init__(metric, {})

    def __missing__(self, labels: Labels) -> Gauge:
        """Keep it, however many there are: those that are gone have to be known."""
        series = self[labels] = self.metric.labels(*_values(labels))
        return series

    def replace(self, values: Mapping[str, float] | Mapping[tuple[str, str], float]) -> None:
        """Have these values and no others."""
        gone = self.keys() - values.keys()
        for labels, value in values.items():
            self[labels].set(value)
        for former in gone:
            self.metric.remove(*_values(former))
            del self[former]


def _values(labels: Labels) -> tuple[str, ...]:
    return (labels,) if isinstance(labels, str) else labels
