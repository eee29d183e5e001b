"""Several queries asked as one."""

from collections.abc import Mapping

from oslo_log import log as logging

from steal_scheduler.signals.query import PrometheusApi, Refused
from steal_scheduler.signals.sample import Sample

LOG = logging.getLogger(__name__)

#: The label that tells the parts of an answer from each other.
PART = 'steal_value'


def union(promql: Mapping[str, str]) -> str:
    """One expression for all: ``or`` keeps what differs in a label.

    NOTE: an operator's query may hold an ``or`` of its own, so it stands in
    parentheses, and may end with a comment, so a line ends behind it.
    """
    if len(promql) == 1:
        (alone,) = promql.values()
        return alone
    return ' or '.join(
        f'label_replace(({query}\n),"{PART}","{option}","{PART}",".*")'
        for option, query in promql.items()
    )


class Union:
    """The queries about servers, about hosts or about guests."""

    def __init__(self, api: PrometheusApi, promql: Mapping[str, str]) -> None:
        """:param promql: queries by option; at least one"""
        self._api = api
        self._promql = promql
        self._options = ', '.join(promql)
        #: What is asked.
        self.union = union(promql)
        self._refused = False

    def ask(self) -> dict[str, list[Sample]]:
        """Return the samples of each query, by the option that holds it.

        :raises SignalError: no answer; where only one of the queries is to
            blame, the message names its option alone
        """
        try:
            samples = self._api.ask(self._options, self.union)
        except Refused as refused:
            return self._one_by_one(refused)
        self._refused = False
        if len(self._promql) == 1:
            return {self._options: samples}
        answers: dict[str, list[Sample]] = {o: [] for o in self._promql}
        for sample in samples:
            part = sample.labels.get(PART, '')
            if part in answers:
                answers[part].append(sample)
        return answers

    def _one_by_one(self, refused: Refused) -> dict[str, list[Sample]]:
        """Find out which of them is to blame; perhaps only their sum is."""
        if len(self._promql) == 1:
            raise refused
        answers = {
            option: self._api.ask(option, query)
            for option, query in self._promql.items()
        }
        if not self._refused:
            LOG.warning('From now on asked one by one: %s', refused)
        self._refused = True
        return answers
