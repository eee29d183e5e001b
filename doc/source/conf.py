# Sphinx configuration.
#
# NOTE: the theme is not OpenStack's, which shows its logo and links to the
# legal pages of its foundation: this is no official project.

import importlib.metadata

extensions = ['oslo_config.sphinxext']

project = 'steal-scheduler'
copyright = 'the steal-scheduler authors'
release = importlib.metadata.version('steal-scheduler')

exclude_patterns = ['_build']

html_theme = 'furo'
html_title = f'steal-scheduler {release}'
html_copy_source = False
html_show_sourcelink = False
