// PerceptTokenizer
