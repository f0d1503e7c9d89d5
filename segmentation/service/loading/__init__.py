"""How model packages come to be served: proved in a process of their own, kept, and renewed.

``served_models`` says which model answers, ``prover`` tries a package where it can harm nothing,
and ``last_good`` keeps the packages that were proved. What a package holds and in which order it is
checked is in ``segmentation.artifact``.
"""
