"""What things look like outside of the process: JSON bodies, keys, subjects' tails, schemas.

json         encode and decode, with errors that keep the bytes
keys         the keys of records
messages     step message, start and control command, result
cloudevents  core facts and commands <-> CloudEvents 1.0
schema       JSON Schemas of all of them, generated from the types
"""
