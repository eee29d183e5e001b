from oslotest import base

from steal_scheduler.nova_client.pinning import dedicated


class TestDedicated(base.BaseTestCase):
    def test_policies(self):
        for flavor, pinned in (
            ({}, 0),
            ({'hw:cpu_policy': 'shared'}, 0),
            ({'hw:cpu_policy': 'dedicated'}, 4),
            ({'resources:PCPU': '4', 'resources:VCPU': '0'}, 4),
            ({'resources:PCPU': '9'}, 4),
            ({'resources1:PCPU': '1', 'resources_B:PCPU': '2'}, 3),
            ({'resources:PCPU': '0'}, 0),
            ({'resources:PCPU': 'x'}, 0),
            ({'hw:cpu_policy': 'pinned'}, 0),
        ):
            self.assertEqual(pinned, dedicated(4, flavor, {}), flavor)

    def test_masks(self):
        for mask, pinned in (
            ('2-3', 2),
            ('0', 1),
            ('^0', 3),
            ('^0-1', 2),
            ('0-2,^1', 2),
            (' 1 , 3 ', 2),
            ('2-99', 2),
            ('7', 0),
            ('', 0),
            ('a-b', 0),
            ('3-1', 0),
        ):
            flavor = {'hw:cpu_policy': 'mixed', 'hw:cpu_dedicated_mask': mask}
            self.assertEqual(pinned, dedicated(4, flavor, {}), mask)
        flavor = {'hw:cpu_policy': 'mixed', 'hw:cpu_realtime_mask': '^0'}
        self.assertEqual(3, dedicated(4, flavor, {}))

    def test_the_image_counts_where_the_flavor_says_nothing(self):
        own = {'hw_cpu_policy': 'dedicated'}
        mixed = {'hw_cpu_policy': 'mixed', 'hw_cpu_realtime_mask': '^0'}
        for flavor, image, pinned in (
            ({}, own, 4),
            ({'hw:cpu_policy': ''}, own, 4),
            # Nova boots no such server; the flavor is its operator's word.
            ({'hw:cpu_policy': 'shared'}, own, 0),
            ({'hw:cpu_policy': 'dedicated'}, {'hw_cpu_policy': 'shared'}, 4),
            ({'resources:PCPU': '2'}, own, 2),
            ({}, {'hw_cpu_policy': 'shared'}, 0),
            ({}, {'hw_cpu_policy': None}, 0),
            ({}, mixed, 3),
            ({'hw:cpu_dedicated_mask': '3'}, mixed, 1),
            # It is the image's mask that counts then.
            ({'hw:cpu_realtime_mask': '^0-1'}, mixed, 3),
        ):
            found = dedicated(4, flavor, image)
            self.assertEqual(pinned, found, (flavor, image))
