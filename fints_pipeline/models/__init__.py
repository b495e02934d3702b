"""Networks, one a file: a frozen config in, an ``nn.Module`` out.

Each public module holds one `NetworkConfig` and the functions ``build``, ``example_batch``,
``save`` and ``load`` (see `fints_pipeline.models._base.NetworkModule`). Importing them is light:
torch and transformers are imported when a network is built.
"""
