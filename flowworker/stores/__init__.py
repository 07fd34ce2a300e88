"""Typed views on the ports: one implementation over every adapter.

runs         run and step records, index, listing
definitions  workflows by name and content hash
payloads     large values in chunks
stores       all three of one backend
locks        a lock by name, over a lease
measured     a backend that is counted
"""
