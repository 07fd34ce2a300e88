"""Typed views on the `Records` port: one implementation over every adapter.

runs         run and step records, index, listing
definitions  workflows by name and content hash
payloads     large values in chunks
"""
