// PerceptMedia
