"""All folders below components are in the wheel, so that none is forgotten. The rest is in pyproject.toml."""

from setuptools import find_packages, setup

setup(
    packages=["private_registry", *(f"private_registry.{name}" for name in find_packages("components"))],
    package_dir={"private_registry": "components"},
)
