// PerceptCheckpoint
