"""The pages, a module each. What they are built from is in ``panels`` and ``html_elements``."""
