"""What a person has to do: told once, in the log and to a webhook.

`topics` says what there is to do, from what is published and what was refused; `tell` keeps what
has been told; `webhook` sends it. Nothing here decides what is published.
"""
