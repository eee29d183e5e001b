# Sphinx configuration of the release notes; reno collects them from git.

extensions = [
    'openstackdocstheme',
    'reno.sphinxext',
]

project = 'steal-scheduler release notes'
copyright = 'the steal-scheduler authors'
master_doc = 'index'

# Release notes carry no version of their own.
version = ''
release = ''

html_theme = 'openstackdocs'
pygments_style = 'native'
openstackdocs_auto_name = False
