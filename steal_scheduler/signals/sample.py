"""One sample of a Prometheus, as its HTTP API gives it."""

import dataclasses
from collections.abc import Mapping


@dataclasses.dataclass(frozen=True, slots=True)
class Sample:
    """One series of an instant query's answer."""

    labels: Mapping[str, str]
    #: May still be NaN or infinite.
    value: float
    #: Epoch seconds, by Prometheus' clock.
    at: float


def vector(data: object) -> list[Sample]:
    """Take the ``data`` of an answer apart.

    :raises ValueError: it is not an instant vector of plain samples
    """
    if not isinstance(data, dict) or data.get('resultType') != 'vector':
        kind = data.get('resultType') if isinstance(data, dict) else data
        raise ValueError(f'a result of type {kind!r} instead of a vector')
    try:
        return [
            Sample(
                {str(name): str(label) for name, label in labels.items()},
                float(value),
                float(at),
            )
            for item in data['result']
            for labels, (at, value) in [(item['metric'], item['value'])]
        ]
    except (AttributeError, KeyError, TypeError, ValueError) as e:
        raise ValueError(
            f'a series that is not a plain sample ({type(e).__name__}: {e})'
        ) from e
