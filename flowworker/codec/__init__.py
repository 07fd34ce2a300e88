"""What things look like outside of the process: JSON bodies, keys, subjects' tails, schemas.

json         encode and decode, with errors that keep the bytes
models       pydantic models as JSON
keys         the keys of records
subjects     those that others than the adapters speak of
messages     step message, start and control command, result
cloudevents  what is published: core records and effects -> CloudEvents 1.0
facts        what was published: CloudEvents -> core facts
text         what others wrote, as it may be shown
inputs       what a step is given, merged from the run's input and outputs
"""
