// Percept
