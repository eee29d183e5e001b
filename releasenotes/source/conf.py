# Sphinx configuration of the release notes; reno collects them from git.

extensions = ['reno.sphinxext']

project = 'steal-scheduler release notes'
copyright = 'the steal-scheduler authors'

# Release notes carry no version of their own.
version = ''
release = ''

# As that of doc/source/conf.py.
html_theme = 'furo'
html_title = project
html_copy_source = False
html_show_sourcelink = False
