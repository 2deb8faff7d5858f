/// Shows what Percept reads from videos.
func probeVideos(_ arguments: [String]) throws {}
