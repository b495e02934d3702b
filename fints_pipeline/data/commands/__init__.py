"""The subcommands of ``python -m fints_pipeline.data``, one a file, named by the file."""
