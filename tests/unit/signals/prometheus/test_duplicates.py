import re

from oslotest import base

from steal_scheduler.signals.prometheus import duplicates
from steal_scheduler.signals.prometheus.labels import Label

LABEL = Label('instance', re.compile(r'(.+?)(?::\d+)?'))


def series(**labels):
    return {'metric': labels}


class AmbiguousTest(base.BaseTestCase):
    def _said(self, *found):
        return duplicates.ambiguous(LABEL, {'c1'}, found)

    def test_the_labels_that_differ_and_the_cure(self):
        same = {'instance': 'c1:9100', 'job': 'node'}
        said = self._said(
            series(region='eu2', **same),
            series(region='eu1', **same),
            series(instance='c2:9100', region='eu1', job='node'),
        )
        self.assertEqual(
            {
                'c1': '2 series name it, which differ in region (eu1, eu2). '
                'Set [prometheus] selector, so that only those of this cloud '
                'are read, for example to region="eu1"'
            },
            said,
        )

    def test_a_label_that_one_lacks(self):
        (said,) = self._said(
            series(instance='c1'), series(instance='c1', az='x')
        ).values()
        self.assertIn('differ in az (none, x). ', said)
        self.assertIn('for example to az="x"', said)

    def test_the_name_of_the_host_tells_clouds_apart_last(self):
        (said,) = self._said(
            series(instance='c1:1', zone='a'), series(instance='c1:2')
        ).values()
        self.assertIn('instance (c1:1, c1:2), zone (none, a)', said)
        self.assertIn('for example to zone="a"', said)
        (said,) = self._said(
            series(instance='c1:1'), series(instance='c1:2')
        ).values()
        self.assertIn('for example to instance="c1:1"', said)

    def test_labels_are_of_strangers(self):
        (said,) = self._said(
            series(instance='c1', x='a\n\x1b[2J'), series(instance='c1')
        ).values()
        self.assertNotIn('\n', said)
        self.assertNotIn('\x1b', said)
