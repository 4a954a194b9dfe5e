"""Where everything lies in memory, decided before anything runs. Sees bytes and lifetimes, no operators."""
