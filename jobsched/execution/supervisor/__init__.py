"""The supervisor of one machine: claims, hands out, settles; ``loop`` is the place to begin."""
