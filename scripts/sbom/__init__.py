"""The bill of materials of an image, from what is in it: ``python -m scripts.sbom IMAGE FILE``.

``root`` reads the files, ``debian``, ``python`` and ``bundled`` list what they say, ``document``
puts it together. Nothing comes from a lock or from the network.
"""
