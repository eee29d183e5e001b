"""A real Nova in one process, for the demo and the functional tests.

Real nova-api, nova-conductor, nova-scheduler and nova-compute, real
Placement; stand-ins for what Nova only talks to (Keystone, Glance, Neutron)
and for the hypervisor. Nothing of ``nova.tests`` is used.

Importing this package decides how Nova, oslo.service and oslo.messaging run
their threads, so import it before any of them.
"""

import gc
import os

# NOTE: both must happen before anything of nova, oslo.service or
# oslo.messaging is imported: eventlet would patch the standard library, and
# importing oslo.messaging already chooses oslo.service's eventlet backend.
os.environ['OS_NOVA_DISABLE_EVENTLET_PATCHING'] = '1'

from nova import monkey_patch

monkey_patch.patch(backend='threading')

# Nearly all that is made from here until the cloud is up stays, so looking for
# garbage is in vain; `Cloud.start` turns it on again.
gc.disable()
