"""`make bench`: figures as ratios within one run. Not tests: machines differ, and differ from hour to hour."""
