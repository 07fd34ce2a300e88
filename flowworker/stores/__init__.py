"""Typed views on the ports: one implementation over every adapter.

runs         run and step records, index, listing
definitions  workflows by name and content hash
payloads     large values in chunks
stores       all three of one backend
state        the seed's `StateStore`          checkpoints  its words in the engine's records
locking      locks by name, over leases       buses        events by subject, over news
opening      a backend that is opened when it is needed
"""
