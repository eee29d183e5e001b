# Sphinx configuration; the theme takes name and version from the package.

extensions = [
    'openstackdocstheme',
    'oslo_config.sphinxext',
    'sphinx.ext.autodoc',
]

project = 'steal-scheduler'
copyright = 'the steal-scheduler authors'
master_doc = 'index'
exclude_patterns = ['_build']

add_module_names = False
autodoc_typehints = 'description'
modindex_common_prefix = ['steal_scheduler.']

html_theme = 'openstackdocs'
pygments_style = 'native'

# Roles such as :nova-doc:`admin/live-migration-usage.html`.
openstackdocs_projects = [
    'nova',
    'oslo.config',
    'oslo.messaging',
    'python-openstackclient',
    'tooz',
]
