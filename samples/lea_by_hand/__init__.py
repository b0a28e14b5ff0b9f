"""The classes of Doug Lea's slides "Scalable IO in Java" on ``nio.channels`` alone; README.md has the order."""
