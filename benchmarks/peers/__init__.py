"""Ways to make backups, each as the commands that do the steps; :mod:`benchmarks.peers.catalogue` names them all."""
