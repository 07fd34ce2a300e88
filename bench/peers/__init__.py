"""The same chain in other systems, in turn with flowworker: `make peers`."""
