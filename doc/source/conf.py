# SPDX-License-Identifier: Apache-2.0
"""Sphinx configuration of the documentation."""

extensions = [
    'cliff.sphinxext',
    'openstackdocstheme',
    'oslo_config.sphinxext',
    'sphinx.ext.autodoc',
]

project = 'ironic-async-events'
copyright = 'ironic-async-events maintainers'
master_doc = 'index'
exclude_patterns = []
pygments_style = 'native'

html_theme = 'openstackdocs'
html_static_path = []

openstackdocs_auto_name = False
openstackdocs_auto_version = False
openstackdocs_use_storyboard = False

autodoc_typehints = 'description'
