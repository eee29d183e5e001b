"""What stands at every edge: bounded HTTP, secrets of files, log-ins, text.

Whoever answers may be slow, endless or hostile. So each exchange ends in
time and in bytes, and nothing that it says reaches a terminal as it is.
"""
