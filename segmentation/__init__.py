"""Customer segmentation: records about customers in, a named segment and what to do about it out.

The build side (``datasets``, ``studies``, ``training``) fits a model package offline; the run
side (``runtime``, ``service``) answers records with it. They meet only in the package itself
(``artifact``). Nothing is imported here, so that the service never loads the build side.
"""

__version__ = "0.2.0"
