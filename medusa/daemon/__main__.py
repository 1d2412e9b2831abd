"""`python -m medusa.daemon` is `medusad`."""

from medusa.daemon.app import main

main()
