/// Shows what Percept reads from pictures.
func probePictures(_ arguments: [String]) throws {}
