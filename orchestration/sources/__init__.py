"""Landing tables that come from databases and from S3-compatible storage: `jixiao fetch`.

Here belong what `sources.yml` says and how it is fetched into the landing folder. What is landed is
read like any file: that is `orchestration/landing`'s, which knows nothing of this package but what
`landing/origins.py` keeps of each fetched file.
"""
