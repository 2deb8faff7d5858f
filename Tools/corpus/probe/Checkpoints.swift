/// Shows what Percept reads from checkpoints.
func probeCheckpoints(_ arguments: [String]) throws {}
